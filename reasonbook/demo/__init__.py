"""Demo: runs the bundled notebooks and writes them as offline pages."""
