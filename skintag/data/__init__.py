"""From raw dataset folders to batches: schema, sources, catalog, shards, views and the data module."""
