"""What is kept of the grammars is what lark makes of them, and is not used where a grammar has changed."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import grammars
from parsers.compile import STARTS, content
from parsers.formats import TRANCE, TVR, RecordFormat
from parsers.grammars import COMPILED, build, compose_terminals, scanner, terminals
from parsers.record_grammar import _patterns, describe, forget, record_grammar
from tests.strategies import hostile_text

SAY = "run: python -m parsers.compile"


def test_the_file_is_current():
    assert json.loads(COMPILED.read_text(encoding="utf-8")) == json.loads(json.dumps(content())), SAY


def test_whatever_is_asked_for_is_kept():
    for grammar, starts in STARTS.items():
        for start in starts:
            kept = grammars.compiled(grammar)[start]
            assert list(kept.items()) == list(compose_terminals(grammar, *start.split()).items()), SAY
            assert terminals(grammar, *start.split()) is kept


def test_kept_items_are_the_grammars():
    forget()  # what other tests had read is kept beside them
    for record_format in (TVR, TRANCE):
        for item, (record, at) in _patterns(record_format).items():
            assert record_grammar(record_format).parse(item) == record
            assert record[at] == 0


def test_a_changed_grammar_is_composed_anew(monkeypatch):
    changed = grammars.grammar_text("steps").replace("correspondences?", "correspondence")
    monkeypatch.setattr(grammars, "grammar_text", lambda name: changed if name == "steps" else "")
    for cached in (grammars.compiled, terminals, scanner):
        cached.cache_clear()
    try:
        assert grammars.compiled("steps") == {}
        assert "correspondence " in terminals("steps", "start")["MAPPING"]
    finally:
        monkeypatch.undo()
        for cached in (grammars.compiled, terminals, scanner):
            cached.cache_clear()


def test_another_format_has_no_kept_items():
    other = RecordFormat(TVR.fields, TVR.forms[:1], TVR.synonyms)
    assert grammars.compiled_records(describe(other)) == {}
    assert grammars.compiled_records(describe(TVR))


@pytest.mark.parametrize("grammar", ["references", "steps"])
@given(
    text=hostile_text(
        "View 1: ", "### Image 2\n", "[sofa, ball, left]", "Mapping: ", "Step 3\n", "[a, b", "**", "\n", "}", "V"
    )
    | st.text()
)
def test_scanning_is_parsing(grammar, text):
    lark = build(grammar, "start")
    expected = [(token.type, token.start_pos, token.end_pos) for token in lark.parse(text).children]
    ignored = set(lark.ignore_tokens)
    found = [(token.lastgroup, *token.span()) for token in scanner(grammar, "start")(text)]
    assert [each for each in found if each[0] not in ignored] == expected


def test_a_usual_row_is_scored_without_lark():
    code = (
        "import sys\nfrom rewards import tvr_reward\n"
        "print(tvr_reward(['<think>b</think><answer>2.color.cyan, (7, size, small)</answer>'], target=['2.color.cyan']))\n"
        "print([name for name in ('lark', 'scipy', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[5.0]", "[]"]
