"""What is chosen on val: thresholds, calibration, triage bounds, the value of a search."""
