"""Everything that touches a model or makes training data."""
