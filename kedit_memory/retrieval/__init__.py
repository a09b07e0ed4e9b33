"""Passages that can be put before a question, and the search for them."""
