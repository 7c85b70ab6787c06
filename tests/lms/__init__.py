"""Exports in, grades out: every system by hand-made files of its published form."""
