"""A small student from a trained teacher."""
