"""SPAR-Bench (fudan-zvg/spar): twenty tasks, multiple choice and numeric, over one or several views."""
