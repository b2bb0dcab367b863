"""Raw folders to a prepared folder: catalog, shards, and a report of what is missing."""
