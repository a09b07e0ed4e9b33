"""Editors and memory paths side by side: cases, methods, measures, tables, pictures."""
