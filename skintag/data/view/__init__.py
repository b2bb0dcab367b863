"""What an ablation changes: which images, in which split, with which labels and weights."""
