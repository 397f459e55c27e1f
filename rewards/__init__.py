"""Typed values -> scores. Pure, deterministic, picklable, no I/O."""
