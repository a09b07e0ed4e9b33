"""Edits of the memory made permanent: choice, writing, measures, the saved folder."""
