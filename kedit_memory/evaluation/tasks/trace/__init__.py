"""Causal tracing and its pictures."""
