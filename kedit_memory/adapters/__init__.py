"""The memory in the interfaces of others: parse, call, format."""
