"""One training run, from settings to a scored run folder."""
