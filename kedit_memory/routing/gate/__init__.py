"""Whether a question that no edit answers is searched for: what is known of it, and who decides by that."""
