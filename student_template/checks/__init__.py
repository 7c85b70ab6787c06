"""The checks of this assignment: run `python -m checks`."""
