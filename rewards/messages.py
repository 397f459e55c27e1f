"""Finding the text in what trainers and files call a completion: strings, messages, content parts, response items."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

_APART = ("reasoning_content", "reasoning", "thinking")
"""Where a message keeps its reasoning beside its content: vLLM and TRL, OpenRouter and vLLM, gpt-oss and Ollama."""

_ASKING = ("system", "developer", "user")
"""Roles of those who ask."""

_THOUGHT = ("thinking", "reasoning", "reasoning_text", "summary_text")
_SAID = ("text", "output_text")
_LONGEST_TOKEN = 64


class Rejoined(str):
    """The text of a completion whose reasoning was kept apart and put back."""

    __slots__ = ()


def completion_text(completion: Any) -> str:
    """Return the text of a completion: a string, a message, or a list of messages, content parts or response items.

    Mappings and objects with attributes are read alike. Of several messages the last one of the assistant counts (or
    the last one, where no role says "assistant"; but not of a prompt, whose messages are all the user's). Reasoning
    that is kept apart is put back in front of the content, as ``<think>...</think>``: from ``reasoning_content``,
    ``reasoning`` or ``thinking`` of the message, from parts of these types, and from the reasoning items before it. A
    message whose content holds the tags already is left alone.

    Raises:
        DataError: for anything else; that is a fault of the file or the trainer, not of the model.

    >>> completion_text([{"role": "assistant", "content": [{"type": "text", "text": "B"}]}])
    'B'
    >>> completion_text({"role": "assistant", "reasoning_content": "Left.", "content": "<answer>B</answer>"})
    '<think>Left.</think><answer>B</answer>'
    """
    if isinstance(completion, str):
        return completion
    if type(completion) is list and len(completion) == 1 and type(completion[0]) is dict:  # what trainers hand over
        content = completion[0].get("content")
        if (
            type(content) is str
            and completion[0].keys().isdisjoint(_APART)
            and completion[0].get("role") not in _ASKING
        ):
            return content
    if _has(completion, "content", "text", *_APART):
        _refuse_prompt(completion)
        return _message(completion)
    if _is_list(completion) and len(completion) and all(map(_is_record, completion)):
        if any(_has(each, "role", *_APART) or (_has(each, "content") and not _thinks(each)) for each in completion):
            return _last_message(completion)
        return _join("", *_content(completion))
    raise DataError(f"a completion is text or a list of messages, not {_shorten(completion)}")


def _last_message(messages: Sequence[Any]) -> str:
    """Return the last message of the assistant, with the reasoning items that stand directly before it."""
    places = [at for at, each in enumerate(messages) if not _thinks(each)]
    _refuse_prompt(*(messages[at] for at in places))
    mine = [at for at in places if _get(messages[at], "role") == "assistant"]
    last = (mine or places)[-1]
    first = last
    while first and _thinks(messages[first - 1]):
        first -= 1
    return _message(messages[last], "".join(map(_thought, messages[first:last])))


def _refuse_prompt(*messages: Any) -> None:
    if all(_get(message, "role") in _ASKING for message in messages):
        raise DataError("the messages are the user's alone, and none is the assistant's")


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping) or _has(value, "content", "text", "type")


def _thinks(value: Any) -> bool:
    """Return whether this is a part or a response item of reasoning, and no message."""
    return _get(value, "type") in _THOUGHT and not _has(value, "role")


def _message(message: Any, before: str = "") -> str:
    apart = next((found for name in _APART if isinstance(found := _get(message, name), str) and found), "")
    content = _get(message, "content") if _has(message, "content") else _get(message, "text")
    reasoning, text = _content(content)
    return _join(before + apart, reasoning, text)


def _join(apart: str, reasoning: str, text: str) -> str:
    """Put reasoning in front of the text; of the same reasoning twice, in a field and in a part, once."""
    thought = apart if apart and apart.strip() == reasoning.strip() else apart + reasoning
    if not thought or "<think>" in text or "</think>" in text:
        return text
    opener = "" if thought.lstrip().startswith("<think>") else "<think>"
    closer = "" if "</think>" in thought else "</think>"
    return Rejoined(f"{opener}{thought}{closer}{text}")


def _content(content: Any) -> tuple[str, str]:
    """Return the reasoning and the text of a message's content: a string, or parts of which these are joined."""
    if isinstance(content, str):
        return "", content
    if content is None:
        return "", ""  # a message with tool calls only
    if _is_list(content) and all(_has(part, "type", "text") for part in content):
        thoughts = [_thought(part) for part in content if _thinks(part)]
        said = [str(_get(part, "text") or "") for part in content if (_get(part, "type") or "text") in _SAID]
        return "".join(thoughts), "".join(said)
    raise DataError(f"a message's content is text or a list of parts, not {_shorten(content)}")


def _thought(part: Any) -> str:
    """Return the text of a part or item that holds reasoning; of a full text and its summary, the full one."""
    for name in ("thinking", "reasoning", "reasoning_content", "content", "text", "summary"):
        found = _get(part, name)
        if isinstance(found, str) and found:
            return found
        if _is_list(found) and len(found):
            return "".join(each if isinstance(each, str) else str(_get(each, "text") or "") for each in found)
    return ""


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _has(value: Any, *names: str) -> bool:
    """Return whether a mapping or an object has one of these fields."""
    if isinstance(value, Mapping):
        return any(name in value for name in names)
    return not isinstance(value, str | bytes | list | tuple | type) and any(hasattr(value, name) for name in names)


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _shorten(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown[:60]}{'...' if len(shown) > 60 else ''}"


# --- special tokens --------------------------------------------------------------------------------------------------

# <|im_end|> <|eot_id|> <|endoftext|> (Qwen, Llama, GPT); <｜end▁of▁sentence｜> (DeepSeek); <end_of_turn> <turn|> <eos>
# <pad> (Gemma 3 and 4); <end_of_utterance> (SmolVLM); </s> <s> (Llama 2, Mistral); [EOS] [PAD]
_SPECIAL = re.compile(
    r"<[|｜][^<>\s]+[|｜]>|<[a-z_]+\|>|<(?:end_of_turn|end_of_utterance|eos|bos|pad|unk|endoftext|s)>|</s>|\[(?:EOS|PAD|SEP)\]"
)


def strip_special_tokens(text: str, tokens: Collection[str] | None = None) -> str:
    r"""Cut the special tokens at the very end of a completion, and white space between and before them.

    Args:
        text: what the model wrote, as a trainer decoded it.
        tokens: the special tokens of the tokenizer, where one is at hand; None knows those of Qwen, Llama, Gemma 3 and
            4, DeepSeek, SmolVLM, Mistral and GPT.

    >>> strip_special_tokens("<answer>B</answer><|im_end|>\n<|endoftext|>")
    '<answer>B</answer>'
    >>> strip_special_tokens("the <eos> token ")
    'the <eos> token '
    """
    end = len(text)
    while True:
        last = text[max(0, end - 2 * _LONGEST_TOKEN) : end].rstrip()
        token = _last_token(last, tokens)
        if not token:
            return text[:end].rstrip() if end < len(text) else text
        white = len(text[max(0, end - 2 * _LONGEST_TOKEN) : end]) - len(last)
        end -= white + len(token)


def _last_token(text: str, tokens: Collection[str] | None) -> str:
    """Return the special token with which a text ends, or an empty text."""
    if tokens is not None:
        return max((token for token in tokens if token and text.endswith(token)), key=len, default="")
    if not text.endswith((">", "]")):
        return ""
    start = max(text.rfind("<", -_LONGEST_TOKEN), text.rfind("[", -_LONGEST_TOKEN))
    return text[start:] if start >= 0 and _SPECIAL.fullmatch(text, start) else ""
