"""Figures of one group of rows, and the groups."""
