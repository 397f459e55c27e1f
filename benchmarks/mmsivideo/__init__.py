"""MMSI-Video-Bench (InternRobotics/MMSI-Video-Bench): choices about one or several videos, given by their frames."""
