"""Private reads of matching: runs, and choices."""
