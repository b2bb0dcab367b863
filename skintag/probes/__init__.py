"""Models fitted on exported embeddings, one small class each behind one interface."""
