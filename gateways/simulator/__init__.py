"""A bank that is not ours: a separate process with its own books, its own reading of our files and its own mistakes."""
