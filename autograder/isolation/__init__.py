"""Keeps student code in: the lock, confined workers behind it, and whether they can be had here."""
