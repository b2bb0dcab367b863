"""From raw dataset folders to batches.

images      one picture: read from any file, encoded for the shards, decoded for the model
catalog     one row per picture: schema, label tables, near-duplicates and leakage groups
sources     raw folders to records, an adapter per dataset
shards      pictures in tar files, written once and read by offset
view        what an ablation changes: labels, split, weights, as a table
augment     what may happen to a training picture
loading     batches, their order, and the data module
distortions the protocol's distortions of test pictures
synthetic   a benchmark that is drawn
prepared    the prepared folder: written once, opened by every run
sheets      pictures of what a setting does to pictures

Each imports only what stands above it; `sources`, `shards`, `view` and `augment` know nothing of each other.
"""
