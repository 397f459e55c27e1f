"""How work grows with a text, counted and not timed: in calls of functions, Python's and C's."""

import math
import sys
from itertools import pairwise

LIMIT = 1.25
"""The exponent below which work counts as linear."""


def calls(work, text):
    """Count the calls that some work makes."""
    made = 0

    def note(_frame, event, _argument):
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work(text)
    finally:
        sys.setprofile(before)
    return made


def exponent(work, texts):
    """Return the largest e for which calls = constant * length ** e, from one text to the next."""
    work(texts[0])  # what is built once is no part of the growth
    points = [(math.log(len(text)), math.log(calls(work, text))) for text in texts]
    return max((after - before) / (x - y) for (y, before), (x, after) in pairwise(points))
