"""One picture: read from any file, encoded for the shards, decoded for the model."""
