"""Declares, runs, judges: the modules that stand alone on numpy. The student's folder `checks/` is these, as they are."""
