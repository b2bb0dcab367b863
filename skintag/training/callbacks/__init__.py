"""What joins data, models and evaluation during a run."""
