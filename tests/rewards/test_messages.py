"""Where the text of a completion is found, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.errors import DataError
from rewards.messages import completion_text

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
OTHERS = {"parts in order": "<think></think>"} | dict.fromkeys(
    [name for name in FORMS if name.split()[0] in ("no", "calls")], ""
)
OTHERS |= {"a part without text": "", "a part whose text is None": "", "a message without content after one with": ""}


@pytest.mark.parametrize("name", FORMS)
def test_form(name):
    assert completion_text(FORMS[name]) == OTHERS.get(name, "B")


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
