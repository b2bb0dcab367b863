"""Pure functions of the predictions table; nothing here knows torch."""
