"""How results are obtained: cases, metrics, rows."""
