"""What course staff do before a release: bake, prove, release."""
