"""Tasks that are cases and what is asked about them: one way to run and to count them, a file of cases each."""
