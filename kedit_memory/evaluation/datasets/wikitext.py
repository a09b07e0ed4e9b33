"""WikiText-2 (Merity et al. 2016): running text of Wikipedia, for what models that we did not train do with most text.

The published files have words set apart and rare ones blanked; here sentences stand as they were written, without those
that a blank is in.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded
from kedit_memory.evaluation.datasets.public import present, read_text

FOLDER = "wikitext2"  # among those of the public sets
TRAINING, TEST = (tuple(f"wiki.{part}.tokens{ending}" for ending in (".txt", "")) for part in ("train", "test"))
_BLANK = "<unk>"
_HEADING = re.compile(r"^= .* =$")
_SHORTEST = 100  # characters; what is shorter is a caption or a formula's rest
_JOINED = ((re.compile(r" @(.)@ "), r"\1"), (re.compile(r" ([.,;:!?)\]%])"), r"\1"), (re.compile(r"([(\[$£]) "), r"\1"),
           (re.compile(r" (n't|'(?:s|t|re|ve|ll|d|m)\b)"), r"\1"), (re.compile(r'" ([^"]*?) "'), r'"\1"'))  # fmt: skip
_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")


def paragraphs(folder: Path, names: tuple[str, ...] = TEST) -> Loaded[str]:
    """The paragraphs of a part, by default of that for tests; headings and scraps are left out.

    Raises:
        NotFoundError: the folder has no such file.
    """
    (path, *_) = present(folder, names)
    lines = (line.strip() for line in read_text(path).split("\n"))
    return loaded(({"line": line} for line in lines if line), _paragraph, key=lambda one: one, files=(path.name,))


def file_of(data: Path, names: tuple[str, ...]) -> Path | None:
    """The file of a part in the folder of the public sets; None where it is not there."""
    return next((file for name in names if (file := data / FOLDER / name).is_file()), None)


def training_file(data: Path, to: Path) -> Path:
    """A file of the training part's paragraphs, as editors take text: written where it is not there yet.

    Raises:
        NotFoundError: the folder of the public sets has no such part.
    """
    if not to.is_file():
        to.parent.mkdir(parents=True, exist_ok=True)
        aside = to.with_name(f"{to.name}.part")
        aside.write_text("".join(_lines(paragraphs(data / FOLDER, TRAINING))), "utf-8")
        aside.replace(to)
    return to


def _lines(read: Loaded[str]) -> Iterator[str]:
    return (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in read.found)


def _paragraph(row: Row) -> str:
    text: str = row["line"]
    if _HEADING.match(text):
        raise SkippedError("a heading")
    for form, whole in _JOINED:
        text = form.sub(whole, text)
    text = " ".join(one for one in _SENTENCE.split(text) if _BLANK not in one)
    if len(text) < _SHORTEST:
        raise SkippedError("a scrap of text")
    return text
