"""Running text to which no method is fitted, for the perplexity of an edited model.

Second moments and DINM's general text come from the samples that ship, or from WikiText's training part. Here is its
test part, where the folder of the public sets has it, as it is not shipped; else shipped passages that are no samples.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from kedit_memory.editors._moments import read_paragraphs
from kedit_memory.evaluation.datasets import wikitext
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.shipped import sample_texts
from kedit_memory.world import passages_file

_SHORTEST, _LONGEST = 100, 500  # characters of a text
_Read = TypeVar("_Read")  # a text, or its parts


def running_text(data: Path | None) -> tuple[list[str], Path]:
    """Texts of some sentences each, and the file that they are from; `data` is the folder of the public sets."""
    if data and (file := wikitext.file_of(data, wikitext.TEST)):
        begun = map(_beginning, wikitext.paragraphs(file.parent).found)
        return [text for text in begun if len(text) >= _SHORTEST], file
    fitted = set(sample_texts().read_text("utf-8").splitlines())
    own = [text for text in read_paragraphs(passages_file()) if text not in fitted and len(text) >= _SHORTEST]
    return own, passages_file()


def spaced(texts: Sequence[_Read], count: int) -> list[_Read]:
    """So many of the texts, evenly spaced; all where there are no more."""
    return list(texts[:: max(1, len(texts) // count)][:count])


def _beginning(paragraph: str) -> str:
    """The first sentences of a paragraph."""
    text = ""
    for sentence in sentences(paragraph):
        if len(text) + len(sentence) >= _LONGEST:
            break
        text = f"{text} {sentence}".lstrip()
    return text
