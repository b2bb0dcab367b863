"""Anybody's predictions, read into the predictions table."""
