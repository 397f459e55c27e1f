"""Building parsers from the package's grammars, and naming errors by examples."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import lark
import pytest
from lark import Transformer
from lark.exceptions import UnexpectedInput

from parsers.grammars import FaultTable, build, error_offset, terminals

ABC = '\nabc: A B? C\nA: "a"\nB: "b"\nC: "c"\n'


def grammar():
    """A grammar of its own, in place of the file's rules."""
    return build("items", "abc", more=ABC)


def error(lark, text):
    with pytest.raises(UnexpectedInput) as caught:
        lark.parse(text)
    return caught.value


def test_a_rule_of_a_file():
    tree = build("completion", "outline").parse("<think>a</think><answer>b</answer>")
    assert [token.type for token in tree.children if token] == [
        "THINK_OPEN",
        "THINK_TEXT",
        "THINK_CLOSE",
        "ANSWER_OPEN",
        "ANSWER_TEXT",
        "ANSWER_CLOSE",
    ]
    assert grammar().parse("ac").data == "abc"


def test_what_is_missing_is_none():
    assert build("items", "items").parse("a,").children == ["a", None]


def test_a_transformer_is_applied_while_parsing():
    class Count(Transformer):
        def abc(self, children):
            return len(children)

    assert build("items", "abc", more=ABC, transformer=Count()).parse("abc") == 3


def test_terminals_are_patterns():
    found = terminals("completion", "tags")
    assert set(found) == {"TAG"}
    assert re.fullmatch(found["TAG"], "</answer>")
    assert set(terminals("completion", "strict")) == {"COMPLETION"}


def test_errors_are_named_by_state_and_token_then_by_state():
    lark = grammar()
    faults = FaultTable(
        lark, {"b first": ["b"], "no start": ["c", ""], "no end": ["a", "aa"], "more": ["acc"], "twice": ["abb"]}
    )
    names = {
        text: faults.code(error(lark, text))
        for text in ("b", "c", "", "x", "a", "aa", "ax", "acc", "acb", "abb", "ab", "abx")
    }
    assert names == {
        "b": "b first",
        "c": "no start",
        "": "no start",
        "x": "b first",  # no example fails on such a character there: the first one of the state
        "a": "no end",
        "aa": "no end",
        "ax": "no end",
        "acc": "more",
        "acb": "more",
        "abb": "twice",
        "ab": "twice",
        "abx": "twice",
    }


def test_the_first_example_of_a_place_names_it():
    lark = grammar()
    assert FaultTable(lark, {"one": ["b"], "two": ["b", "c"]}).code(error(lark, "b")) == "one"
    assert FaultTable(lark, {"one": ["b"], "two": ["b", "c"]}).code(error(lark, "c")) == "two"


def test_an_error_without_example_is_malformed():
    lark = grammar()
    assert FaultTable(lark, {"start": ["b"]}).code(error(lark, "ab")) == "malformed"


def test_an_example_must_be_a_fault():
    with pytest.raises(AssertionError, match=r"^'ac' is meant as an example of a fault, but it parses$"):
        FaultTable(grammar(), {"fault": ["b", "ac"]})


@pytest.mark.parametrize(
    ("text", "offset"), [("", 0), ("a", 1), ("ab", 2), ("b", 0), ("ax", 1), ("abb", 2), ("acc", 2), ("abc ", 3)]
)
def test_offsets_of_errors(text, offset):
    assert error_offset(error(grammar(), text), text) == offset


def test_threads_build_one_grammar_at_a_time(monkeypatch):
    """lark reads literals with `ast`, in which threads of CPython 3.11 disturb each other."""
    inside, peaks = [], []

    class Watched(lark.Lark):
        def __init__(self, *args, **options):
            inside.append(self)
            peaks.append(len(inside))
            time.sleep(0.01)  # long enough for the other threads to come in, if they could
            super().__init__(*args, **options)
            inside.remove(self)

    monkeypatch.setattr(lark, "Lark", Watched)
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda _: grammar(), range(8)))
    assert peaks == [1] * 8
    assert all(each.parse("ac").data == "abc" for each in built)
