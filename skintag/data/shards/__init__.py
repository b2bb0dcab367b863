"""Images in tar files, written once and read by offset."""
