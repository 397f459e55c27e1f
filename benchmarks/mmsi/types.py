"""The eleven question types of MMSI-Bench. The dash in a name is an en dash (U+2013)."""

from __future__ import annotations

TYPES = (
    "Positional Relationship (Cam.–Cam.)",
    "Positional Relationship (Obj.–Obj.)",
    "Positional Relationship (Reg.–Reg.)",
    "Positional Relationship (Cam.–Obj.)",
    "Positional Relationship (Obj.–Reg.)",
    "Positional Relationship (Cam.–Reg.)",
    "Attribute (Meas.)",
    "Attribute (Appr.)",
    "Motion (Cam.)",
    "Motion (Obj.)",
    "MSR",
)
"""The types in the order in which the paper's tables print them; MSR is multi-step reasoning."""


def canonical_type(name: str) -> str:
    """Return a type's name with its en dash, where some copies write a hyphen; other names stay as they are.

    >>> canonical_type("Positional Relationship (Cam.-Obj.)") == TYPES[3]
    True
    """
    dashed = name.replace(".-", ".–")
    return dashed if dashed in TYPES else name
