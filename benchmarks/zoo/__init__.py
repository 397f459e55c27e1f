"""Rewards that other people published, each one file with functions as trainers call them, and their audit."""
