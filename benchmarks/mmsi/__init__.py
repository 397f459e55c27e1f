"""MMSI-Bench (OpenRobotLab/MMSI-Bench): multiple choice over two to ten images, in eleven types."""
