"""Files of rows: reading them, knowing their columns, scoring every row, writing the scores."""
