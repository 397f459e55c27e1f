"""Predictions -> numbers that people publish, under a benchmark's own protocol or under ours."""
