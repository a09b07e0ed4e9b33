"""The server: in front of an OpenAI-compatible endpoint, or of a model of this machine, it makes stored edits true.

Parse, ask the router, format: what is decided is decided below.
"""
