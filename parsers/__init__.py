"""Text -> typed values. No I/O, linear time, never raises on model text."""
