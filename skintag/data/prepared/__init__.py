"""The prepared folder: written from raw folders once, then opened by every run; and the report on what is in it."""
