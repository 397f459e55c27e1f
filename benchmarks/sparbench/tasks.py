"""The twenty tasks of SPAR-Bench, their three levels and how each is scored."""

from __future__ import annotations

LOW = (
    "depth_prediction_oc",
    "depth_prediction_oo",
    "distance_prediction_oc",
    "distance_prediction_oo",
    "depth_prediction_oc_mv",
    "depth_prediction_oo_mv",
    "distance_prediction_oo_mv",
    "distance_prediction_oc_mv",
)
"""Perception: the answer is a number of meters."""

VIEW_CHANGE = "view_change_infer"
"""The one task whose answer is a list of camera moves, ``move_right:0.4,rotate_left:30``."""

MIDDLE = (VIEW_CHANGE, "position_matching", "camera_motion_infer")
"""Cross-view perception."""

HIGH = (
    "obj_spatial_relation_oo",
    "obj_spatial_relation_oc_mv",
    "obj_spatial_relation_oo_mv",
    "spatial_imagination_oc",
    "spatial_imagination_oo",
    "spatial_imagination_oc_mv",
    "spatial_imagination_oo_mv",
    "distance_infer_center_oo",
    "distance_infer_center_oo_mv",
)
"""Reasoning: multiple choice."""

LEVELS = {"Low": LOW, "Middle": MIDDLE, "High": HIGH}
TASKS = (*LOW, *MIDDLE, *HIGH)

NUMERIC = frozenset(LOW)
CHOICE = frozenset(TASKS) - NUMERIC - {VIEW_CHANGE}

AXES = (
    ("move_right", "move_left"),
    ("move_up", "move_down"),
    ("move_forward", "move_backward"),
    ("rotate_right", "rotate_left"),
    ("rotate_up", "rotate_down"),
)
"""The five signed axes of `VIEW_CHANGE`: (positive, negative) action; meters, then degrees."""
