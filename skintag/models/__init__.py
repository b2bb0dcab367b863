"""Backbones, heads, objectives and the LightningModule that trains them."""
