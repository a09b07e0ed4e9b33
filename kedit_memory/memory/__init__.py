"""A durable memory of edits: validated, kept in SQLite, found through a vector index."""
