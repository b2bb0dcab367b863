"""The predictions table: its columns and its checks."""
