"""How each API words a dialogue, a correction and a reply."""
