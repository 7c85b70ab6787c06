"""What the command line can do, a module a topic."""
