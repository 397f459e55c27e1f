"""The four settings of MindCube, and how an item's id tells them."""

from __future__ import annotations

SETTINGS = ("rotation", "among", "around", "translation")
"""The settings in the order in which tables print them."""

SEARCH_ORDER = ("around", "rotation", "translation", "among")
"""The order in which the official code looks for a setting's name in an id: the first found wins."""

OUTSIDE_OVERALL = frozenset({"translation"})
"""Settings that the official overall accuracy leaves out."""


def setting_of(item_id: str) -> str:
    """Return the setting whose name the id contains, or ``"other"``.

    >>> setting_of("aroundnew_group12_q1_2_1"), setting_of("linear_7")
    ('around', 'other')
    """
    lowered = item_id.lower()
    return next((name for name in SEARCH_ORDER if name in lowered), "other")
