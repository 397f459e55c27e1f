"""SITE-Bench (wenqi-wang20/SITE-Bench): choices about images and videos, scored against chance."""
