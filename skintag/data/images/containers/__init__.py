"""What each file format says of itself, checked before its decoder is asked: most decoders pass damage over.

Each `check` raises ValueError with what is wrong; "truncated" is in it where the end is missing.
"""
