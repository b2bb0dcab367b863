"""The protocol's distortions of test images."""
