"""The server: the memory and the router for other programs."""
