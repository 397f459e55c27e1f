import re

import pytest

from recipes.tiny.report import pictures, spark

Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize(
    ("values", "width", "text"),
    [([1.0], 50, "1.00 ▁ 1.00"), ([0, 1, 2, 7], 50, "0.00 ▁▂▃█ 7.00"), ([0, 2, 4, 4, 9], 2, "2.00 ▁█ 6.50")],
)
def test_spark(values, width, text):
    assert spark(values, width) == text


def test_pictures_have_their_pixels_side_by_side():
    one, other = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (8, 8), "blue")
    one.putpixel((0, 1), (1, 2, 3))
    lines = pictures([one, other], width=4).splitlines()
    assert len(lines) == 2
    colors = re.findall(r"38;2;([\d;]+)m\x1b\[48;2;([\d;]+)m▀", lines[0])
    assert colors == [("255;0;0", "1;2;3"), *[("255;0;0", "255;0;0")] * 3, *[("0;0;255", "0;0;255")] * 4]
    assert "▀\x1b[0m  \x1b" in lines[0]
