"""Intervals, gaps against chance and differences, clustered by patient or lesion."""
