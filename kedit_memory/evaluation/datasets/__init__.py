"""The public sets: a file each, read as they are published."""
