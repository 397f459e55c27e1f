"""Charts are well-formed, need nothing from outside, and put points where they belong."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.svg import Chart, Line, bar_chart, line_chart, ticks, variables

SVG = "{http://www.w3.org/2000/svg}"
CHART = Chart(
    "a < b & c", "x", [Line("one <", (0, 0.5, 1), (0, 2, 1)), Line("two", (0, 1), (1, 1))], marks=[(0.8, "0.8")]
)


def _points(text):
    tree = ET.fromstring(text)
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        for line in tree.iter(f"{SVG}polyline")
    ]


@pytest.mark.parametrize(
    "text", [line_chart(CHART), line_chart(CHART, standalone=True), bar_chart("<t>", "n", [("a&b", 2.0), ("c", 0.0)])]
)
def test_charts_are_well_formed_and_self_contained(text):
    tree = ET.fromstring(text)
    assert tree.get("role") == "img"
    assert tree.get("aria-label")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in text


def test_a_file_of_its_own_has_its_colours_for_light_and_dark():
    text = line_chart(CHART, standalone=True)
    assert "prefers-color-scheme:dark" in text
    assert all(f"--{name}:" in variables() for name in re.findall(r"var\(--(\w+)\)", text))
    assert "<style" not in line_chart(CHART)


def test_points_are_in_order_and_within_the_frame():
    one, two = _points(line_chart(CHART))
    xs, ys = zip(*one, strict=True)
    assert list(xs) == sorted(xs)
    assert ys[1] < ys[2] < ys[0]  # larger values are further up
    assert two[0][1] == two[1][1]
    assert all(0 <= x <= 360 and 0 <= y <= 240 for x, y in one + two)


def test_steps_hold_until_the_next_value():
    (points,) = _points(line_chart(Chart("t", "x", [Line("a", (0, 0.5, 1), (1, 2, 2))], steps=True)))
    assert len(points) == 4
    assert points[1][0] == points[2][0]
    assert points[0][1] == points[1][1]


def test_bars_are_as_long_as_what_they_show():
    tree = ET.fromstring(bar_chart("t", "n", [("a", 4.0), ("b", 1.0), ("c", 0.0)]))
    widths = [float(bar.get("width")) for bar in tree.iter(f"{SVG}rect")]
    assert widths[0] == pytest.approx(4 * widths[1])
    assert widths[2] == 0
    assert ET.fromstring(bar_chart("none", "n", [])) is not None


def test_a_level_line_can_be_drawn():
    assert _points(line_chart(Chart("t", "x", [Line("a", (0, 1), (3, 3))])))


@given(low=st.floats(-1e4, 1e4), span=st.floats(1e-2, 1e5))
def test_ticks_are_few_round_and_inside(low, span):
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-6 <= value <= low + span + 1e-6 for value in found)
    assert found == sorted(set(found))
