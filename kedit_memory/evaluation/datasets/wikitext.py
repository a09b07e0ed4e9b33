"""WikiText-2 (Merity et al. 2017): running text of Wikipedia, to see what edits cost a model in perplexity."""

import re
from pathlib import Path

from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded
from kedit_memory.evaluation.datasets.public import present, read_text

_HEADING = re.compile(r"^ ?= .* = ?$")
_SHORTEST = 80  # characters; what is shorter is a caption or a formula's rest


def paragraphs(folder: Path) -> Loaded[str]:
    """The paragraphs of the test part, as the set has them; headings and scraps are left out."""
    (path, *_) = present(folder, ("wiki.test.tokens.txt", "wiki.test.tokens"))
    lines = [line.strip() for line in read_text(path).split("\n")]
    return loaded(({"line": line} for line in lines if line), _paragraph, key=lambda one: one, files=(path.name,))


def _paragraph(row: Row) -> str:
    line: str = row["line"]
    if _HEADING.match(line):
        raise SkippedError("a heading")
    if len(line) < _SHORTEST:
        raise SkippedError("a scrap of text")
    return line
