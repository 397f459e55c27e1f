"""Files of predictions -> blocks -> scores -> tallies -> a summary: of rewards, or of a benchmark."""
