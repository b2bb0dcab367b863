"""What a finished grid of runs says: reading it, contrasts that like is compared with like in, seeds, findings."""
