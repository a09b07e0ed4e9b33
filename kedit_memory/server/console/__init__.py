"""The console: pages of the memory for a browser, rendered here, with nothing to build and nothing to fetch."""
