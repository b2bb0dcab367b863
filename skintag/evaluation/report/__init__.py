"""A run's evidence as a page, tables and a model card: what it says is computed, how it looks is in `templates`."""
