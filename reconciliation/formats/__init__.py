"""Statement formats."""
