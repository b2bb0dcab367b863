"""From raw metadata to the catalog: schema, label tables, and which images belong together."""
