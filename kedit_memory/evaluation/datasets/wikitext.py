"""WikiText-2 (Merity et al. 2016): paragraphs of Wikipedia, for what a model that we did not train does with most text.

The published file has words set apart and rare ones blanked; here sentences stand as they were written, without those
that a blank is in.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from kedit_memory.errors import NotFoundError

FILE = Path("wikitext2") / "wiki.train.tokens.txt"
_BLANK = "<unk>"
_LEAST = 200  # characters of a paragraph
_JOINED = ((re.compile(r" @(.)@ "), r"\1"), (re.compile(r" ([.,;:!?)\]%])"), r"\1"), (re.compile(r"([(\[$£]) "), r"\1"),
           (re.compile(r" (n't|'(?:s|t|re|ve|ll|d|m)\b)"), r"\1"), (re.compile(r'" ([^"]*?) "'), r'"\1"'))  # fmt: skip
_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")


def paragraphs(folder: Path) -> Iterator[str]:
    """The paragraphs of the training part, from the folder of the public sets.

    Raises:
        NotFoundError: it is not there.
    """
    try:
        lines = (folder / FILE).read_text("utf-8").splitlines()
    except OSError as error:
        raise NotFoundError(f"{folder} holds no {FILE}; name the folder of the public sets") from error
    for line in lines:
        if line.lstrip().startswith("="):  # a heading
            continue
        for form, whole in _JOINED:
            line = form.sub(whole, line)  # noqa: PLW2901 - one line, step by step
        text = " ".join(one for one in _SENTENCE.split(line.strip()) if _BLANK not in one)
        if len(text) >= _LEAST:
            yield text


def write_paragraphs(folder: Path, to: Path) -> Path:
    """A file of the paragraphs, as editors take text: written where it is not there yet."""
    if not to.is_file():
        to.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in paragraphs(folder))
        aside = to.with_name(f"{to.name}.part")
        aside.write_text(lines, "utf-8")
        aside.replace(to)
    return to
