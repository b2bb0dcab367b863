"""Writing a bundle from a finished run."""
