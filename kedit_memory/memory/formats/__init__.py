"""Files of facts as rows that can be stored: JSON lines, JSON, tables, and FAQ pages in HTML or Markdown."""

from kedit_memory.memory.formats.fields import NamedRow
from kedit_memory.memory.formats.formats import FORMATS, read_rows

__all__ = ["FORMATS", "NamedRow", "read_rows"]
