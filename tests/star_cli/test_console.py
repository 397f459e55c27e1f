from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from star_cli.console import line_and_column, point_at, visible

CASES = [
    ("abc", 1, "abc", 1),
    ("abc", 3, "abc", 3),
    ("", 0, "", 0),
    ("沙发, 球x", 4, "沙发, 球x", 6),
    ("沙发x", 2, "沙发x", 4),
    ("a\tb\nc", 4, r"a\tb\nc", 6),
    ("\x1b[31mred", 5, r"\x1b[31mred", 8),
    ("e\u0301x", 2, "e\u0301x", 1),
    ("\udc80x", 1, r"\udc80x", 6),
    ("\u200bx", 1, r"\u200bx", 6),
]


@pytest.mark.parametrize(("text", "offset", "line", "column"), CASES)
def test_cases(text, offset, line, column):
    assert point_at(text, offset) == (line, " " * column + "^")


def test_long_text_is_cut_on_both_sides():
    line, caret = point_at("a" * 500 + "X" + "b" * 500, 500, width=40)
    assert cell_len(line) <= 40
    assert line[caret.index("^")] == "X"
    assert (line[0], line[-1]) == ("…", "…")


def test_end_of_a_long_text_uses_the_whole_line():
    line, caret = point_at("a" * 500, 500, width=40)
    assert line == "…" + "a" * 37
    assert len(caret) == 39


@given(st.text(st.characters() | st.sampled_from("沙\n\t\x1b "), max_size=60), st.data(), st.integers(20, 50))
def test_caret_stands_under_its_character(text, data, width):
    offset = data.draw(st.integers(0, len(text)))
    line, caret = point_at(text, offset, width=width)
    assert line.isprintable()
    assert cell_len(line) <= width
    assert len(caret) <= width
    rest = text[offset:]
    if rest and cell_len(rest[0]):
        under = len(caret) - 1
        place = next(at for at in range(len(line)) if cell_len(line[:at]) == under and cell_len(line[at]))
        assert line[place:].startswith(visible(rest[0]))
    if cell_len("".join(map(visible, text))) <= width - 3:
        assert line == "".join(map(visible, text))


@given(st.text("ab\n", max_size=30), st.data())
def test_line_and_column(text, data):
    offset = data.draw(st.integers(0, len(text)))
    line, column = line_and_column(text, offset)
    assert text.split("\n")[line - 1][: column - 1] == text[:offset].split("\n")[-1]
