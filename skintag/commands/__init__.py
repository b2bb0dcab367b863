"""What the command line calls: one module a command, and what they share."""
