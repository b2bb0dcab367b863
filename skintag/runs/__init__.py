"""A finished run, read back: its figures, its pictures, its model."""
