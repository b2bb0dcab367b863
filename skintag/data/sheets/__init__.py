"""Sheets of pictures, for a person to see what a setting does to them."""
