"""ViewSpatial-Bench (ZJU-REAL/ViewSpatial-Bench): choices about directions, from the camera's and a person's view."""
