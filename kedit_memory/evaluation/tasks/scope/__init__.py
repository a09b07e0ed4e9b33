"""Which questions an edit fires on: sets, cases drawn, verdicts, controls, rows."""
