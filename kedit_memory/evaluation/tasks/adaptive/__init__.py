"""When retrieval pays: questions, every policy on them, the fitted gate."""
