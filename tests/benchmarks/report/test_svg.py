"""Charts: lengths in proportion, axes that hold everything, text escaped, ticks round."""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.page import theme
from benchmarks.report.content import Bar, Bars, Histogram, Line, Lines, Number
from benchmarks.report.svg import (
    WIDTH,
    bars_svg,
    binned,
    chart_file,
    chart_style,
    histogram_svg,
    lines_svg,
    short,
    tick_step,
    ticks,
)

numbers = st.floats(0, 1e6, allow_nan=False)
bars = st.tuples(numbers, st.none() | st.tuples(numbers, numbers)).map(
    lambda both: Bar(both[0], *(sorted(both[1]) if both[1] else (None, None)), Number(f"{both[0]:.1f}"), "<tip> & more")
)


def boxes(text):
    root = ET.fromstring(text)
    return [{name: float(rect.get(name)) for name in ("x", "y", "width", "height")} for rect in root.iter("rect")]


@given(st.lists(st.none() | bars, min_size=1, max_size=6), st.text(max_size=40))
def test_bars_stay_inside_and_are_in_proportion(series, label):
    label = "".join(letter for letter in label if letter.isprintable())
    text = bars_svg(Bars(label, (label,) * len(series), (("run", tuple(series)),), limit=1.0))
    drawn = boxes(text)
    shown = [bar for bar in series if bar is not None]
    assert len(drawn) == len(shown)
    for box in drawn:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= WIDTH
    longest = max(shown, key=lambda bar: bar.length, default=None)
    for box, bar in zip(drawn, shown, strict=True):
        if bar.length > longest.length / 50 > 0:
            ratio = bar.length / longest.length
            assert box["width"] == pytest.approx(ratio * drawn[shown.index(longest)]["width"], abs=1.2)


def test_labels_stand_beside_short_bars_and_above_long_ones():
    bar = Bar(50.0, 40.0, 60.0, Number("50.0"), "tip")
    short_labels = bars_svg(Bars("t", ("left", "right"), (("run", (bar, bar)),), 100.0))
    long_labels = bars_svg(Bars("t", ("left", "a label of many letters"), (("run", (bar, bar)),), 100.0))
    assert boxes(short_labels)[0]["x"] > 100
    assert boxes(long_labels)[0]["x"] < 10
    assert 'class="error"' in short_labels


@given(
    st.lists(
        st.tuples(st.floats(-100, 100).map(lambda x: round(x, 2)), st.integers(1, 50)),
        min_size=1,
        max_size=60,
        unique_by=lambda p: p[0],
    )
)
def test_bins_lose_no_row_and_touch(pairs):
    counts = sorted(pairs)
    bins = binned(counts)
    assert sum(count for _, _, count in bins) == sum(count for _, count in counts)
    if len(counts) > 12:
        assert len(bins) <= 40
        for (_, high, _), (low, _, _) in itertools.pairwise(bins):
            assert low == pytest.approx(high)
        for value, _ in counts:
            assert any(low - 1e-6 <= value <= high + 1e-6 and count for low, high, count in bins)
    text = histogram_svg(Histogram("t", tuple(counts)))
    assert len(boxes(text)) == len(bins)
    for box in boxes(text):
        assert 0 <= box["x"] <= box["x"] + box["width"] <= WIDTH


def test_shares_of_a_histogram_claim_no_more_than_they_are():
    text = histogram_svg(Histogram("t", ((0.0, 1), (1.0, 9999))))
    assert "&lt;1%" in text
    assert "&gt;99%" in text
    assert ">100%" in histogram_svg(Histogram("t", ((0.0, 5),)))


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(-1e3, 1e5)), min_size=1, max_size=20, unique_by=lambda p: p[0]))
def test_curves_stay_inside(points):
    x, y = zip(*sorted(points), strict=True)
    text = lines_svg(
        Lines("t", "step", (Line("a", x, y, tuple(v - 1 for v in y), tuple(v + 1 for v in y)), Line("b", x, y)))
    )
    root = ET.fromstring(text)
    height = float(root.get("viewBox").split()[3])
    for path in root.iter("path"):
        pairs = re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d"))
        assert all(-0.1 <= float(a) <= WIDTH + 0.1 and -0.1 <= float(b) <= height + 0.1 for a, b in pairs)


@given(st.floats(1e-6, 1e9), st.integers(1, 10))
def test_steps_between_ticks_are_round_and_not_too_many(span, most):
    step = tick_step(span, most)
    digits = float(f"{step:e}".split("e")[0])
    assert digits == pytest.approx(round(digits))
    assert round(digits) in (1, 2, 5, 10)
    assert len(ticks(0, span, step)) <= most + 3


def test_text_is_escaped():
    bar = Bar(1.0, None, None, Number("<1>"), "<tip>")
    for text in (
        bars_svg(Bars("<t>", ("<l>",), (("r", (bar,)),))),
        lines_svg(Lines("<t>", "<x>", (Line("<n>", (0.0,), (1.0,)),))),
    ):
        assert not re.search(r"<(t|l|x|n|tip|1)>", text)
        ET.fromstring(text)


def test_short_numbers():
    assert [short(x) for x in (0, 0.25, -4.5, 1234, 250000, 1e-3)] == ["0", "0.25", "−4.5", "1,234", "250k", "0.001"]


CURVES = Lines(
    "a < b & c", "x", (Line("one <", (0, 0.5, 1), (0, 2, 1)), Line("two", (0, 1), (1, 1))), marks=((0.8, "0.8"),)
)


def curves(text):
    paths = [path.get("d") for path in ET.fromstring(text).iter() if (path.get("class") or "").startswith("line t")]
    return [
        [tuple(map(float, pair.split())) for pair in re.split("[ML]", path)[1:]] for path in paths if "h" not in path
    ]


def test_a_file_of_its_own_has_its_legend_and_its_colors_for_light_and_dark():
    text = chart_file(CURVES)
    root = ET.fromstring(text)
    assert root.get("aria-label") == "a < b & c"
    assert "prefers-color-scheme: dark" in text
    assert all(f"--{name}:" in theme() for name in re.findall(r"var\(--(\w+)\)", text))
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert [each.text for each in root.iter() if each.get("class") == "entry"] == ["one <", "two"]
    assert "<style" not in lines_svg(CURVES)


def test_classes_of_charts_have_a_style():
    bar = Bar(1.0, 0.5, 1.5, Number("1"), "tip")
    for text in (
        bars_svg(Bars("t", ("l",), (("r", (bar,)),))),
        histogram_svg(Histogram("t", ((0.0, 1),))),
        lines_svg(CURVES),
    ):
        for name in set(" ".join(re.findall(r'class="([^"]*)"', text)).split()):
            assert re.search(rf"\.{name}\b", chart_style()), name


def test_points_are_in_order_and_within_the_frame():
    one, two = curves(lines_svg(CURVES))
    assert [x for x, _ in one] == sorted(x for x, _ in one)
    assert one[1][1] < one[2][1] < one[0][1]  # larger values are further up
    assert two[0][1] == two[1][1]


def test_steps_hold_until_the_next_value():
    (points,) = curves(lines_svg(Lines("t", "x", (Line("a", (0, 0.5, 1), (1, 2, 2)),), steps=True)))
    assert len(points) == 4
    assert points[1][0] == points[2][0]
    assert points[0][1] == points[1][1]


def test_an_axis_of_counts_begins_at_zero():
    text = histogram_svg(Histogram("t", ((0.0, 3), (1.0, 9)), "", "reward of <format>"))
    sides = [each.text for each in ET.fromstring(text).iter() if each.get("class") == "side"]
    assert sides[0] == "0"
    assert float(sides[-1]) <= 9
    assert "reward of &lt;format&gt;" in text
