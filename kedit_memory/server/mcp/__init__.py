"""The memory as tools of the Model Context Protocol, for other programs' models."""
