"""What a network makes of images, kept by content so that no run computes it twice."""
