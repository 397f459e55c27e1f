"""Predictions under a reward: what they are paid, and what that means for training on it."""
