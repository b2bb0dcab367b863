"""Results in Weights & Biases: runs and sweeps logged, dashboards as code; all of it works offline."""
