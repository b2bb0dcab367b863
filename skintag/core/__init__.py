"""What everybody may import: errors, files, hashing, progress, configuration, and the words of the field."""
