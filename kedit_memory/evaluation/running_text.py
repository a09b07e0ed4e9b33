"""Running text to which no method is fitted, for the perplexity of an edited model.

Second moments and DINM's general text come from the samples that ship, or from WikiText's training part. Here is its
test part, where the folder of the public sets has it, as it is not shipped; else shipped passages that are no samples.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from kedit_memory.editors._moments import read_paragraphs
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.shipped import sample_texts
from kedit_memory.world import passages_file

TEST_PART = Path("wikitext2") / "wiki.test.tokens.txt"
_BLANK = "<unk>"  # a word that the published file leaves out
_HEADING = "="
_SHORTEST, _LONGEST = 100, 500  # characters of a text
# The published file sets marks apart.
_JOINED = (
    (re.compile(r" @(.)@ "), r"\1"),
    (re.compile(r" ([.,;:!?)\]%])"), r"\1"),
    (re.compile(r"([(\[$£]) "), r"\1"),
    (re.compile(r" (n't|'(?:s|t|re|ve|ll|d|m)\b)"), r"\1"),
    (re.compile(r'" ([^"]*?) "'), r'"\1"'),
)


def running_text(data: Path | None) -> tuple[list[str], Path]:
    """Texts of some sentences each, and the file that they are from; `data` is the folder of the public sets."""
    file = None if data is None else data / TEST_PART
    if file is not None and file.is_file():
        return list(_published(file)), file
    fitted = set(sample_texts().read_text("utf-8").splitlines())
    own = [text for text in read_paragraphs(passages_file()) if text not in fitted and len(text) >= _SHORTEST]
    return own, passages_file()


def spaced(texts: Sequence[str], count: int) -> list[str]:
    """So many of the texts, evenly spaced; all where there are no more."""
    return list(texts[:: max(1, len(texts) // count)][:count])


def _published(file: Path) -> Iterator[str]:
    """The first sentences of each paragraph up to one with a blank, as they were before words were set apart."""
    for line in file.read_text("utf-8").splitlines():
        if line.lstrip().startswith(_HEADING):
            continue
        whole = line.strip()
        for form, joined in _JOINED:
            whole = form.sub(joined, whole)
        text = ""
        for sentence in sentences(whole):
            if _BLANK in sentence or len(text) + len(sentence) >= _LONGEST:
                break
            text = f"{text} {sentence}".lstrip()
        if len(text) >= _SHORTEST:
            yield text
