"""Boxes and points: the forms that models write, and nothing that has to be guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.region import LARGEST, Region, parse_box, parse_point
from tests.strategies import hostile_text

BOX = {"coordinates": "pixels", "layout": "xyxy"}
RIGHT = (10.0, 20.0, 30.0, 40.0)

WRITTEN = [
    "[10, 20, 30, 40]",
    "10, 20, 30, 40",
    "10 20 30 40",
    "(10,20,30,40)",
    "(10, 20), (30, 40)",
    "[[10, 20], [30, 40]]",
    "[(10, 20), (30, 40)]",
    "[[10, 20, 30, 40]]",
    "[10.0, 20, 30., 4e1]",
    "The box is [10, 20, 30, 40].",
    "**[10, 20, 30, 40]**",
    r"\boxed{[10, 20, 30, 40]}",
    "［10，20，30，40］",
    "<|box_start|>(10,20),(30,40)<|box_end|>",
    "<box>10, 20, 30, 40</box>",
    '{"bbox_2d": [10, 20, 30, 40]}',
    '{"bbox_2d": [10, 20, 30, 40], "label": "cup 2"}',
    '```json\n[\n\t{"bbox_2d": [10, 20, 30, 40], "label": "the cup"}\n]\n```',
    "{'box': [10, 20, 30, 40], 'score': 0.9}",
    '{"x1": 10, "y1": 20, "x2": 30, "y2": 40}',
    '{"y2": 40, "x2": 30, "y1": 20, "x1": 10}',
    "xmin=10, ymin=20, xmax=30, ymax=40",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_forms(text):
    assert parse_box(text, **BOX) == Region(RIGHT)


FAULTS = {
    "": "empty",
    "none": "no_region",
    "[10, 20, 30]": "no_region",
    "[10, 20, 30, 40": "no_region",
    "(10, 20, 30), 40": "no_region",
    "[10][20][30][40]": "no_region",
    "10, (20, 30), 40": "no_region",
    "from 10 to 20, 30 and 40": "no_region",
    "10; 20; 30; 40": "no_region",
    "10px, 20px, 30px, 40px": "no_region",
    "[١٠, 20, 30, 40]": "no_region",
    "[10, 20, 30, 40] or [11, 20, 30, 40]": "ambiguous",
    "[10, 20, 30, 40], [10, 20, 30, 40]": "ambiguous",
    '[{"bbox_2d": [10, 20, 30, 40]}, {"bbox_2d": [1, 2, 3, 4]}]': "ambiguous",
    "[10, 20, 30, 40, 50]": "ambiguous",
    "[nan, 20, 30, 40]": "out_of_range",
    "[10, 20, inf, 40]": "out_of_range",
    "[10, 20, 1e400, 40]": "out_of_range",
    "[-10, 20, 30, 40]": "out_of_range",
    "[30, 40, 10, 20]": "degenerate",
    "[10, 20, 10, 40]": "degenerate",
    "[0, 0, 0, 0]": "degenerate",
    '{"x": 10, "y": 20, "w": 20, "h": 20}': "wrong_layout",
    "x" * 70_000: "too_long",
}


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: text[:30])
def test_faults(text):
    found = parse_box(text, **BOX)
    assert found.value is None
    assert found.fault.code == FAULTS[text]


def test_the_layout_and_the_coordinates_are_those_declared():
    def box(text, coordinates, layout):
        found = parse_box(text, coordinates=coordinates, layout=layout)
        return found.value or found.fault.code

    assert box("[10, 20, 30, 40]", "pixels", "xywh") == (10, 20, 40, 60)
    assert box('{"x": 10, "y": 20, "width": 30, "height": 40}', "pixels", "xywh") == (10, 20, 40, 60)
    assert box('{"x1": 10, "y1": 20, "x2": 30, "y2": 40}', "pixels", "xywh") == "wrong_layout"
    assert box("[0.1, 0.2, 0.3, 0.4]", "unit", "xyxy") == (0.1, 0.2, 0.3, 0.4)
    assert box("[10, 20, 30, 40]", "unit", "xyxy") == "out_of_range"
    assert box("[0.6, 0.2, 0.5, 0.4]", "unit", "xywh") == "out_of_range"  # it goes beyond the image
    assert box("[10, 20, 30, 1001]", "thousand", "xyxy") == "out_of_range"
    assert box("[10, 20, -5, 40]", "pixels", "xywh") == "degenerate"


POINTS = {
    "(1, 2)": (1, 2),
    "[1, 2]": (1, 2),
    "1, 2": (1, 2),
    "[[1, 2]]": (1, 2),
    '{"point_2d": [1, 2], "label": "cup"}': (1, 2),
    '[{"point": [1, 2]}]': (1, 2),
    '{"x": 1, "y": 2}': (1, 2),
    "y=2, x=1": (1, 2),
    "It is at (1, 2).": (1, 2),
    "(1, 2), (3, 4)": "ambiguous",
    "(1, 2, 3)": "ambiguous",
    "(1)": "no_region",
    "(1), (2)": "no_region",
    "1 to 2": "no_region",
    "(-1, 2)": "out_of_range",
    "(1, nan)": "out_of_range",
    '<point x="1" y="2">cup</point>': "no_region",  # these are percent, which no task declares
}


@pytest.mark.parametrize("text", POINTS)
def test_points(text):
    found = parse_point(text, coordinates="thousand")
    assert (found.value or found.fault.code) == POINTS[text]


@given(hostile_text(*WRITTEN[:8], *POINTS, "[", "]", "(", ")", ",", "10", "nan", '"bbox_2d":', '"label": "', "-", "."))
def test_any_text_gives_a_box_within_the_image_or_a_fault(text):
    for coordinates in LARGEST:
        for layout in ("xyxy", "xywh"):
            found = parse_box(text, coordinates=coordinates, layout=layout)
            assert (found.value is None) != (found.fault is None)
            if found.value is not None:
                x1, y1, x2, y2 = found.value
                assert 0 <= x1 < x2 <= LARGEST[coordinates]
                assert 0 <= y1 < y2 <= LARGEST[coordinates]
        point = parse_point(text, coordinates=coordinates)
        assert (point.value is None) != (point.fault is None)


@given(st.lists(st.integers(0, 999), min_size=4, max_size=4))
def test_what_is_written_is_read(numbers):
    found = parse_box(str(numbers), coordinates="thousand", layout="xyxy")
    whole = numbers[0] < numbers[2] and numbers[1] < numbers[3]
    assert found.value == (tuple(map(float, numbers)) if whole else None)
