"""Finding the text in what trainers and files call a completion: strings, messages, content parts, response items."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewards.errors import DataError
from rewards.targets import plain_value

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self

_APART = ("reasoning_content", "reasoning", "thinking", "reasoning_text")
"""Where a message keeps its reasoning beside its content: vLLM and TRL, OpenRouter and vLLM, gpt-oss and Ollama."""

_IN_PIECES = ("reasoning_details", "thinking_blocks")
"""The same in pieces, often beside one of the above: OpenRouter, LiteLLM."""

_BESIDE = frozenset((*_APART, *_IN_PIECES, "additional_kwargs", "channel", "type"))
_CONTENT = ("content", "text", "parts")
"""Where a message keeps its content; ``parts``: Gemini and the AI SDK."""

_THOUGHT = ("thinking", "reasoning", "reasoning_text", "summary_text")
_SAID = ("text", "output_text")
_MINE = ("assistant", "model", "ai", "gpt", "bot")
_OTHERS = ("user", "system", "developer", "tool", "function", "human")
_HOLDS_TEXT = ("thinking", "reasoning", "reasoning_content", "content", "text", "value", "summary")
_SAYS_NOTHING = frozenset(
    [
        *(
            "image",
            "images",
            "audio",
            "video",
            "media",
            "file",
            "files",
            "document",
            "source",
            "citation",
            "inline",
            "blob",
        ),
        *("tool", "function", "call", "search", "computer", "code", "executable", "mcp", "shell", "step", "data"),
        *("reasoning", "thinking", "redacted", "summary", "refusal", "compaction"),
    ]
)
"""Words in the types of parts that are known to be none of what was said: ``image_url``, ``tool_use``."""
_LONGEST_TOKEN = 64


class Rejoined(str):
    """The text of a completion whose reasoning was kept apart and put back; ``content`` is the text without it."""

    __slots__ = ("content",)
    content: str

    def __new__(cls, text: str, content: str) -> Self:
        """Return *text*, which ends with *content*."""
        self = super().__new__(cls, text)
        self.content = content
        return self

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # str has one argument, this has two
        return str(self), self.content


def completion_text(completion: Any) -> str:
    """Return the text of a completion: a string, a message, or a list of messages, content parts or response items.

    Mappings and objects with attributes are read alike, and arrays of numpy and values of Arrow as lists. Of several
    messages the last one of the assistant counts (or the last one, where no role names any). Reasoning that is
    kept apart is put back in front of the content, as ``<think>...</think>``: from ``reasoning_content``, ``reasoning``
    or ``thinking`` of the message, from parts of these types, and from the reasoning items, or messages of the channel
    ``analysis``, before it. A message whose content holds the tags already is left alone.

    Parts of other things than text, such as images, calls of tools and their results, are passed over.

    Raises:
        DataError: for anything else, and for a part that holds text and whose type is not known; that is a fault of the
            file or the trainer, not of the model.

    >>> completion_text([{"role": "assistant", "content": [{"type": "text", "text": "B"}]}])
    'B'
    >>> completion_text({"role": "assistant", "reasoning_content": "Left.", "content": "<answer>B</answer>"})
    '<think>Left.</think><answer>B</answer>'
    """
    if isinstance(completion, str):
        return completion
    if type(completion) is list and len(completion) == 1 and type(completion[0]) is dict:  # what trainers hand over
        message = completion[0]
        content = message.get("content")
        if (
            type(content) is str
            and message.get("role", "assistant") == "assistant"
            and message.keys().isdisjoint(_BESIDE)
        ):
            return content
    completion = plain_value(completion)
    if isinstance(completion, str):
        return completion
    if _has(completion, *_CONTENT, *_APART):
        return _message(completion)
    if _is_list(completion) and len(completion) and all(map(_is_record, completion)):
        if any(
            _has(each, "role", *_APART) or (_has(each, "content") and not (_thinks(each) or _is_other(each)))
            for each in completion
        ):
            return _last_message(list(completion))
        return _join("", *_content(completion))
    raise DataError(f"a completion is text or a list of messages, not {_shorten(completion)}")


def _last_message(messages: Sequence[Any]) -> str:
    """Return the last message of the assistant, with the reasoning items before it; gpt-oss may comment in between."""
    places = [at for at, each in enumerate(messages) if not _thinks(each)]
    if not places:  # cut off while it thought
        return _join("".join(map(_thought, messages)), "", "")
    mine = [at for at in places if _role(messages[at]) in _MINE]
    last = (mine or places)[-1]
    first = last
    while first and (_thinks(messages[first - 1]) or get_field(messages[first - 1], "channel") == "commentary"):
        first -= 1
    if mine:
        refuse_unread([each for each in messages if _role(each) is None and get_field(each, "type") != "message"])
    return _message(messages[last], "".join(map(_thought, filter(_thinks, messages[first:last]))))


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping) or _has(value, *_CONTENT, "type")


def _thinks(value: Any) -> bool:
    """Return whether this is a part or a response item of reasoning, or gpt-oss's message of it."""
    if get_field(value, "channel") == "analysis":
        return True
    return get_field(value, "thought") is True or (
        get_field(value, "type") in _THOUGHT and get_field(value, "role") is None
    )


def _role(message: Any) -> Any:
    """Return who speaks, in lower case; LangChain's messages say it by their type. None where nobody is named."""
    role, kind = get_field(message, "role"), get_field(message, "type")
    if role is None and isinstance(kind, str) and kind in (*_MINE, *_OTHERS):
        role = kind
    return role.lower() if isinstance(role, str) else role


def _message(message: Any, before: str = "") -> str:
    if _role(message) in _OTHERS:
        raise DataError(f"a completion is of the assistant, not of the {_role(message)}: {_shorten(message)}")
    name = next((name for name in _CONTENT if _has(message, name)), None)
    if name is None and not _has(message, *_APART, "tool_calls"):
        raise DataError(f"a message has no content: {_shorten(message)}")
    more = get_field(message, "additional_kwargs")  # of LangChain
    apart = _reasoning(message) or (_reasoning(more) if isinstance(more, Mapping) else "")
    reasoning, text = _content(None if name is None else get_field(message, name))
    return _join(before + apart, reasoning, text)


def _reasoning(message: Any) -> str:
    """Return the reasoning that stands beside a message's content."""
    found = (get_field(message, name) for name in (*_APART, *_IN_PIECES))
    return next((text for each in found if each is not None and (text := _text(each))), "")


def _join(apart: str, reasoning: str, text: str) -> str:
    """Put reasoning in front of the text; of the same reasoning twice, in a field and in a part, once."""
    thought = apart if apart and apart.strip() == reasoning.strip() else apart + reasoning
    if not thought or "<think>" in text or "</think>" in text:
        return text
    opener = "" if thought.lstrip().startswith("<think>") else "<think>"
    closer = "" if "</think>" in thought else "</think>"
    return Rejoined(f"{opener}{thought}{closer}{text}", text)


def _content(content: Any) -> tuple[str, str]:
    """Return the reasoning and the text of a message's content: a string, or parts of which these are joined."""
    content = plain_value(content)
    if isinstance(content, str):
        return "", content
    if content is None:
        return "", ""  # a message with tool calls only
    if _is_list(content) and all(_has(part, "type", "text") for part in content):
        refuse_unread(content)
        thoughts = [_thought(part) for part in content if _thinks(part)]
        said = [part for part in content if not _thinks(part) and (get_field(part, "type") or "text") in _SAID]
        return "".join(thoughts), "".join(map(_text, said))
    raise DataError(f"a message's content is text or a list of parts, not {_shorten(content)}")


def refuse_unread(parts: Sequence[Any], read: Collection[str] = _SAID) -> None:
    """See that no part of a message holds text that would be left out without a word.

    Args:
        parts: of a message's content, mappings or objects.
        read: the types whose text is read; a part without type is text.

    Raises:
        DataError: a part holds text, and its type is neither one of *read* nor known to be none of what was said.
    """
    for part in parts:
        kind = get_field(part, "type")
        if kind is not None and kind not in read and not _is_other(part) and held_text(part).strip():
            shown = _shorten(part)
            raise DataError(
                f"a part of the type {kind!r:.40} holds text and would be left out: {shown}; write it as 'text'"
            )


def _is_other(part: Any) -> bool:
    """Return whether a part is by its type known to be none of what was said."""
    kind = get_field(part, "type")
    return _role(part) is None and isinstance(kind, str) and not _SAYS_NOTHING.isdisjoint(_WORD.findall(kind.lower()))


_WORD = re.compile(r"[a-z]+")


def held_text(value: Any) -> str:
    """Return the text that a part or its pieces hold, whatever its type; of anything else an empty one."""
    if isinstance(value, str):
        return value
    if _is_list(value):
        return "".join(map(held_text, value))
    return next((text for name in _HOLDS_TEXT if _has(value, name) and (text := held_text(get_field(value, name)))), "")


def _thought(part: Any) -> str:
    """Return the text of a part or item that holds reasoning; of a full text and its summary, the full one."""
    summary = _text(get_field(part, "summary"))
    return summary if summary and get_field(part, "redacted") else _text(part)  # the other is encrypted


def _text(value: Any) -> str:
    """Return the text of a part: its own, or that of the pieces that it consists of."""
    if value is None or isinstance(value, str):
        return value or ""
    if _is_list(value):
        return "".join(map(_text, value))
    if isinstance(value, Mapping) or _has(value, *_HOLDS_TEXT):
        return next((text for name in _HOLDS_TEXT if (text := _text(get_field(value, name)))), "")
    raise DataError(f"the text of a message is no {_shorten(value)}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _has(value: Any, *names: str) -> bool:
    """Return whether a mapping or an object has one of these fields."""
    if isinstance(value, Mapping):
        return any(name in value for name in names)
    plain = isinstance(value, str | bytes | list | type) or (isinstance(value, tuple) and not hasattr(value, "_fields"))
    return not plain and any(hasattr(value, name) for name in names)


def get_field(value: Any, name: str) -> Any:
    """Return a field of a mapping or of an object; None where it is not there."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _shorten(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown[:60]}{'...' if len(shown) > 60 else ''}"


# --- special tokens --------------------------------------------------------------------------------------------------

# <|im_end|> <|eot_id|> <|endoftext|> (Qwen, Llama, GPT); <｜end▁of▁sentence｜> (DeepSeek); <end_of_turn> <turn|> <eos>
# <pad> (Gemma 3 and 4); <end_of_utterance> (SmolVLM); </s> <s> (Llama 2, Mistral); [EOS] [PAD]; <end_of_sentence>
# (MiniMax); <seed:eos> (Seed); <EOS_TOKEN> (Aya); <SPECIAL_12> (Nemotron); [UNUSED_TOKEN_145] (InternLM 2)
_SPECIAL = re.compile(
    r"<[|｜][^<>\s]+[|｜]>|<[a-z_]+\|>|</s>|\[(?:EOS|PAD|SEP|PAD\d+|UNUSED_TOKEN_\d+|\|endofturn\|)\]"
    r"|<(?:end_of_(?:turn|utterance|sentence)|(?:seed:)?eos|bos|pad|unk|eod|eot|eoa|EOS|PAD|EOT|endoftext|end_of_text|end_of_message|endofturn|s|EOS_TOKEN|SPECIAL_\d+)>"
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
