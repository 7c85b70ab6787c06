"""The engine that bakes, runs, judges, records and reports. It knows nothing of any one assignment."""
