"""One adapter for each library that towers come from: what a model's own configuration says, and the model in parts."""
