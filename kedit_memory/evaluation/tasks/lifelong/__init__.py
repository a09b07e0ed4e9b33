"""Edits one after the other: streams, methods, measures, timing."""
