"""Batches of a view: exact, sized and resumable epochs."""
