"""TVR on TRANCE: the state of the world, the official scorer, the paper's metrics."""
