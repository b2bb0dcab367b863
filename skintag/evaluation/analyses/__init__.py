"""Whole analyses of a predictions table, from levels with intervals to what a student lost."""
