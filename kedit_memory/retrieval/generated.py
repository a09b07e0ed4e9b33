"""GenRead: the model writes a passage for the question, and then answers from it (Yu et al., ICLR 2023).

"Generate rather than Retrieve", section 3.1, with one passage for each question: what a large model knows, it may tell
in a passage although it misses it in a short answer. Such a passage is the model's own knowledge, not evidence, so it
is marked by who wrote it wherever it is shown.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from kedit_memory.records import Passage, RetrievedPassage

LONGEST = 200  # tokens of a passage, about as long as those that are ingested
_INSTRUCTION = (
    "Write a short passage, as an encyclopedia would have it, with the background that is needed to answer the "
    "question below. Reply with the passage alone.\n\nQuestion: {question}"
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a model wrote when told to, and its name."""

    text: str
    by: str


class GeneratedPassages:
    """A retriever whose one passage a model writes for the question.

    Args:
        write: has a model follow an instruction; see `LONGEST`.
    """

    def __init__(self, write: Callable[[str], Written]) -> None:
        self._write = write

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The passage, with a score of 0: nothing weighed it. None where the model wrote nothing; its errors pass."""
        if k < 1:
            return []
        written = self._write(_INSTRUCTION.format(question=question))
        text = " ".join(written.text.split())
        if not text:
            return []
        name = "generated-" + hashlib.sha256(text.encode()).hexdigest()[:16]
        return [RetrievedPassage(passage=Passage(id=name, title="", text=text), score=0.0, written_by=written.by)]
