"""One-file alias for working directories that hold a ``rewards.py`` of their own."""
