"""Files of rows: reading them, knowing their columns and targets, writing files whole."""
