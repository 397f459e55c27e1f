"""Where the text of a completion is found, and what is refused."""

import pickle
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.errors import DataError
from rewards.messages import Rejoined, completion_text, strip_special_tokens

TEXT = st.text(st.characters(exclude_categories=()))
SAID = {"role": "assistant", "content": "B"}

FORMS = {
    "text": "B",
    "a message": SAID,
    "a message without role": {"content": "B"},
    "messages": [SAID],
    "a tuple of messages": (SAID,),
    "the last of several": [{"role": "assistant", "content": "A"}, {"role": "user", "content": "C"}, SAID],
    "the assistant's, not the last": [SAID, {"role": "tool", "content": "A"}],
    "the last where none is the assistant's": [{"role": "user", "content": "A"}, {"role": "model", "content": "B"}],
    "roles in capitals": [{"role": "Assistant", "content": "B"}, {"role": "User", "content": "A"}],
    "a model's, not the last": [{"role": "model", "content": "B"}, {"role": "user", "content": "A"}],
    "LangChain's, not the last": [{"type": "ai", "content": "B"}, {"type": "human", "content": "A"}],
    "content parts": [{"role": "assistant", "content": [{"type": "text", "text": "B"}]}],
    "several content parts": {"role": "assistant", "content": [{"text": ""}, {"type": "text", "text": "B"}]},
    "parts beside an image": {"content": [{"type": "image", "image": "x.png"}, {"type": "text", "text": "B"}]},
    "an image's caption is not said": {"content": [{"type": "image", "text": "A"}, {"type": "text", "text": "B"}]},
    "parts alone": [{"type": "text", "text": "B"}],
    "a part alone": {"type": "text", "text": "B"},
    "parts in order": [{"type": "text", "text": "<think>"}, {"type": "text", "text": "</think>"}],
    "calls of tools only": [{"role": "assistant", "content": None, "tool_calls": []}],
    "no content": {"role": "assistant", "content": ""},
    "no parts": {"role": "assistant", "content": []},
    "a part without text": {"content": [{"type": "text"}]},
    "a part whose text is None": {"content": [{"type": "text", "text": None}]},
    "a message without content after one with": [
        {"role": "user", "content": "A"},
        {"role": "assistant", "tool_calls": []},
    ],
}
THOUGHT = "<think>b</think>B"


@dataclass
class Message:
    """A message or part with attributes, as pydantic models and clients have them."""

    role: str | None = None
    content: object = None
    reasoning_content: str | None = None


class Named(NamedTuple):
    role: str
    content: str
    reasoning_content: str


@dataclass
class Part:
    type: str
    text: str | None = None
    reasoning: str | None = None


APART = {
    "reasoning_content": {"role": "assistant", "reasoning_content": "b", "content": "B"},
    "thinking": {"role": "assistant", "thinking": "b", "content": "B"},
    "reasoning": {"role": "assistant", "reasoning": "b", "content": "B"},
    "in a list": [{"role": "user", "content": "?"}, {"role": "assistant", "reasoning_content": "b", "content": "B"}],
    "an object": [Message("assistant", "B", "b")],
    "an object alone": Message("assistant", "B", "b"),
    "parts of an object": Message("assistant", [Part("reasoning", reasoning="b"), Part("text", "B")]),
    "a thinking part": {"content": [{"type": "thinking", "thinking": "b"}, {"type": "text", "text": "B"}]},
    "a reasoning part": {"content": [{"type": "reasoning", "reasoning": "b"}, {"type": "text", "text": "B"}]},
    "a reasoning part with text": {
        "content": [{"type": "reasoning", "text": "b"}, {"type": "output_text", "text": "B"}]
    },
    "parts alone, thought first": [{"type": "thinking", "thinking": "b"}, {"type": "text", "text": "B"}],
    "response items": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "b"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "B"}]},
    ],
    "the full reasoning rather than its summary": [
        {"type": "reasoning", "summary": [{"text": "c"}], "content": [{"type": "reasoning_text", "text": "b"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "B"}]},
    ],
    "the reasoning of the last message": [
        {"type": "reasoning", "summary": [{"text": "x"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "y"}]},
        {"type": "reasoning", "summary": [{"text": "b"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "B"}]},
    ],
    "the same twice": {"reasoning_content": "b", "content": [{"type": "reasoning", "text": "b"}, {"text": "B"}]},
    "tags around the reasoning": {"role": "assistant", "reasoning_content": "<think>b</think>", "content": "B"},
    "an opener before the reasoning": {"role": "assistant", "reasoning_content": "<think>b", "content": "B"},
    "an array of messages": np.array([{"role": "assistant", "thinking": "b", "content": "B"}], dtype=object),
    "an array of parts": {"content": np.array([{"type": "thinking", "thinking": "b"}, {"text": "B"}], dtype=object)},
    "a value of Arrow": pa.scalar({"role": "assistant", "reasoning_content": "b", "content": "B"}),
    "a list of Arrow": pa.array([[{"role": "assistant", "reasoning_content": "b", "content": "B"}]])[0],
    "a queue": deque([{"role": "assistant", "reasoning_content": "b", "content": "B"}]),
    "a named tuple": [Named("assistant", "B", "b")],
    "a named tuple alone": Named("assistant", "B", "b"),
    "in pieces": {"role": "assistant", "reasoning": None, "reasoning_details": [{"text": "b"}], "content": "B"},
    "in pieces of another name": [{"content": "B", "thinking_blocks": [{"type": "thinking", "thinking": "b"}]}],
    "in pieces beside the whole": {"reasoning": "b", "reasoning_details": [{"text": "b"}], "content": "B"},
    "as a list": {"reasoning_content": [{"type": "text", "text": "b"}], "content": "B"},
    "as a mapping": {"reasoning": {"content": "b"}, "content": "B"},
    "LangChain's": [{"type": "ai", "content": "B", "additional_kwargs": {"reasoning_content": "b"}}],
    "a response item with an empty role": [
        {"type": "reasoning", "role": None, "summary": [{"type": "summary_text", "text": "b"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "B"}]},
    ],
    "a summary of what is encrypted": {
        "content": [{"type": "reasoning", "reasoning": "x==", "redacted": True, "summary": "b"}, {"text": "B"}]
    },
    "gpt-oss's channels": [
        {"role": "assistant", "channel": "analysis", "content": "b"},
        {"role": "assistant", "channel": "final", "content": "B"},
    ],
    "gpt-oss's comment between its channels": [
        {"role": "assistant", "channel": "analysis", "content": "b"},
        {"role": "assistant", "channel": "commentary", "content": "I look again."},
        {"role": "assistant", "channel": "final", "content": "B"},
    ],
    "Gemini's parts": {"role": "model", "parts": [{"text": "b", "thought": True}, {"text": "B"}]},
    "the AI SDK's parts": [
        {"role": "assistant", "parts": [{"type": "reasoning", "text": "b"}, {"type": "text", "text": "B"}]}
    ],
    "a part in pieces": {
        "content": [{"type": "thinking", "thinking": [{"text": "b"}]}, {"type": "text", "text": {"value": "B"}}]
    },
    "a part's content": {"reasoning": "b", "content": [{"type": "text", "content": "B"}]},
}


@pytest.mark.parametrize("name", APART)
def test_reasoning_that_is_kept_apart_is_put_back(name):
    assert completion_text(APART[name]) == THOUGHT
    assert isinstance(completion_text(APART[name]), Rejoined)
    for said in (completion_text(APART[name]), pickle.loads(pickle.dumps(completion_text(APART[name])))):
        assert (said, said.content) == (THOUGHT, THOUGHT.partition("</think>")[2])


def test_what_holds_the_tags_or_has_no_reasoning_is_left_alone():
    said = "<think>b</think><answer>B</answer>"
    for content in (said, "b</think><answer>B</answer>"):
        assert completion_text({"role": "assistant", "reasoning_content": "b", "content": content}) == content
    for nothing in (None, ""):
        assert completion_text({"role": "assistant", "reasoning_content": nothing, "content": "B"}) == "B"
        assert completion_text(Message("assistant", "B", nothing)) == "B"
    cut_off = {"role": "assistant", "reasoning_content": "so <answer>B</answer>", "content": ""}
    assert completion_text(cut_off) == "<think>so <answer>B</answer></think>"
    assert completion_text({"role": "assistant", "reasoning_content": "b", "content": None}) == "<think>b</think>"
    for thought in (
        {"type": "reasoning", "reasoning": "b"},
        {"role": "assistant", "channel": "analysis", "content": "b"},
    ):
        assert completion_text([thought]) == "<think>b</think>"  # cut off while it thought


@given(TEXT.filter(lambda text: "think>" not in text), TEXT.filter(lambda text: "think>" not in text))
def test_rejoined_text_is_the_text_that_was_taken_apart(think, said):
    message = {"role": "assistant", "reasoning_content": think, "content": said}
    assert completion_text(message) == (f"<think>{think}</think>{said}" if think else said)
    assert completion_text([message]) == completion_text(Message("assistant", said, think))


SAID_ELSEWHERE = [
    {"type": "input_text", "text": "B"},
    {"type": "paragraph", "content": "B"},
    {"type": "markdown", "value": "B"},
    {"type": "block", "content": [{"type": "text", "text": "B"}]},
    {"type": "block", "text": {"value": "B"}},
    Part("textual", "B"),
]


@pytest.mark.parametrize("part", SAID_ELSEWHERE, ids=str)
def test_text_in_a_part_of_unknown_type_is_never_left_out_without_a_word(part):
    kind = part.type if isinstance(part, Part) else part["type"]
    says = f"^a part of the type '{kind}' holds text and would be left out: .*; write it as 'text'$"
    with pytest.raises(DataError, match=says):
        completion_text([{"role": "assistant", "content": [{"type": "text", "text": "A"}, part]}])
    if isinstance(part, dict) and "content" not in part:  # else a message, of which the last one counts
        with pytest.raises(DataError, match=says):
            completion_text([{"text": "A"}, part])
    if not isinstance(part, Part):
        with pytest.raises(DataError, match=says):
            completion_text([part, {"type": "message", "role": "assistant", "content": "A"}])


@pytest.mark.parametrize(
    "part",
    [
        *(
            {"type": kind, "text": "A"}
            for kind in ("image", "input_image", "image_url", "output_audio", "video", "file")
        ),
        *({"type": kind, "content": "A"} for kind in ("tool_use", "tool_result", "tool-call", "web_search_call")),
        *({"type": kind, "text": "A"} for kind in ("function_call_output", "mcp_call", "refusal", "step-start")),
        *({"type": kind, "data": "A"} for kind in ("redacted_thinking", "citation", "sticker")),
        *({"type": "embedding", "value": value} for value in (None, "", " ", [0.5, 1], {"a": 1}, 7)),
    ],
    ids=str,
)
def test_parts_of_other_things_than_text_are_passed_over(part):
    for message in ({"content": [part, {"type": "text", "text": "B"}]}, [{"type": "text", "text": "B"}, part]):
        assert completion_text(message) == "B"


# --- special tokens --------------------------------------------------------------------------------------------------

TOKENS = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "</s>",
    "<eos>",
    "<pad>",
    "<end_of_turn>",
    "<turn|>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
    "[EOS]",
    "[PAD]",
    "<|end|>",
    "<|return|>",
    "<end_of_sentence>",
    "<seed:eos>",
    "<EOS_TOKEN>",
    "<SPECIAL_12>",
    "[UNUSED_TOKEN_145]",
    "<eod>",
]


@pytest.mark.parametrize("token", TOKENS)
def test_special_tokens_at_the_very_end_are_cut(token):
    said = "<think>b</think><answer>B</answer>"
    for end in (token, f" {token}\n", token * 3, f"{token}\n{TOKENS[0]}"):
        assert strip_special_tokens(said + end) == said
    for text in (f"a {token} b", f"{token} b", f"{token}."):
        assert strip_special_tokens(text) == text


@pytest.mark.parametrize(
    "end", ["</answer>", "</think>", "<b>", "<|not a token|>", "[x]", "[1]", "<answer>", " ", "", ">", "]", "<>"]
)
def test_what_is_no_special_token_stays(end):
    assert strip_special_tokens(f"a{end}") == f"a{end}"


def test_the_tokenizers_own_tokens():
    assert strip_special_tokens("B<END><stop>\n", ["<stop>", "<END>"]) == "B"
    assert strip_special_tokens("B</s>", ["<stop>"]) == "B</s>"
    assert strip_special_tokens("B</s>", [""]) == "B</s>"


@given(st.text("<>|/s[]EO ", max_size=200))
def test_cutting_twice_changes_nothing(text):
    cut = strip_special_tokens(text)
    assert text.startswith(cut)
    assert strip_special_tokens(cut) == cut


OTHERS = {"parts in order": "<think></think>"} | dict.fromkeys(
    [name for name in FORMS if name.split()[0] in ("no", "calls")], ""
)
OTHERS |= {"a part without text": "", "a part whose text is None": "", "a message without content after one with": ""}


@pytest.mark.parametrize("name", FORMS)
def test_form(name):
    assert completion_text(FORMS[name]) == OTHERS.get(name, "B")


@pytest.mark.parametrize("role", ["user", "system", "developer", "tool", "function"])
def test_what_is_not_of_the_assistant_is_refused(role):
    for completion in (
        {"role": role, "content": "B"},
        [{"role": role, "content": "B"}],
        {"role": role.title(), "content": "B"},
        [{"type": role, "content": "B"}],
    ):
        with pytest.raises(DataError, match=f"a completion is of the assistant, not of the {role}"):
            completion_text(completion)


def test_a_message_without_anything_is_refused():
    for completion in ([{"role": "assistant"}], [{"role": "assistant", "output": "B"}]):
        with pytest.raises(DataError, match="a message has no content"):
            completion_text(completion)
    with pytest.raises(DataError, match="the text of a message is no int"):
        completion_text({"content": [{"type": "text", "text": 5}]})


NEITHER = "a completion is text or a list of messages, not "
CONTENT = "a message's content is text or a list of parts, not "
WRONG = {
    "None": (None, NEITHER + "NoneType None"),
    "a number": (5, NEITHER + "int 5"),
    "bytes": (b"B", NEITHER + "bytes b'B'"),
    "nothing": ([], NEITHER + "list []"),
    "a list of text": (["B"], NEITHER + "list ['B']"),
    "messages and text": ([SAID, "B"], NEITHER + "list ["),
    "an empty mapping": ({}, NEITHER + "dict {}"),
    "a mapping of something else": ({"response": "B"}, NEITHER + "dict {'response': 'B'}"),
    "mappings of something else": ([{"response": "B"}], CONTENT + "list [{'response': 'B'}]"),
    "content that is a number": ({"content": 5}, CONTENT + "int 5"),
    "content of text": ({"content": ["B"]}, CONTENT + "list ['B']"),
    "content of something else": ({"content": [{"value": "B"}]}, CONTENT + "list [{'value': 'B'}]"),
    "content that is a mapping": ({"content": {"text": "B"}}, CONTENT + "dict {'text': 'B'}"),
    "something long": (list(range(100)), NEITHER + "list " + repr(list(range(100)))[:60] + "..."),
    "something of 61 characters": ([10**58], NEITHER + "list [" + "1" + "0" * 58 + "..."),
    "something of 60 characters": ([10**57], NEITHER + "list [" + "1" + "0" * 57 + "]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_refused(name):
    value, message = WRONG[name]
    with pytest.raises(DataError) as caught:
        completion_text(value)
    assert str(caught.value).startswith(message)
    if not message.endswith("["):
        assert str(caught.value) == message


@given(TEXT)
def test_the_text_is_never_changed(text):
    for form in (text, {"content": text}, [{"role": "assistant", "content": text}], [{"type": "text", "text": text}]):
        assert completion_text(form) == text
    assert completion_text({"content": [{"text": text[:1]}, {"type": "text", "text": text[1:]}]}) == text
