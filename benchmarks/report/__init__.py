"""Results -> documents that people publish: HTML that opens offline, Markdown, LaTeX, JSON."""
