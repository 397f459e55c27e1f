"""Charts: lengths in proportion, axes that hold everything, text escaped, ticks round."""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report.content import Bar, Bars, Histogram, Line, Lines, Number
from benchmarks.report.svg import WIDTH, bars_svg, binned, histogram_svg, lines_svg, short, tick_step, ticks

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
    assert "&lt;1 %" in text
    assert "&gt;99 %" in text
    assert ">100 %" in histogram_svg(Histogram("t", ((0.0, 5),)))


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
