"""GenRead: the model writes a passage for the question, and then answers from it (Yu et al., ICLR 2023).

"Generate rather than Retrieve", section 3.1, with one passage for each question: what a large model knows, it may tell
in a passage although it misses it in a short answer. Such a passage is the model's own knowledge, not evidence, so it
is marked by who wrote it wherever it is shown.
"""

import hashlib
from collections.abc import Callable

from kedit_memory.models.instructions import instruct
from kedit_memory.models.language import TextModel
from kedit_memory.records import Passage, RetrievedPassage

LONGEST = 200  # tokens of a passage, about as long as those that are ingested
_INSTRUCTION = (
    "Write a short passage, as an encyclopedia would have it, with the background that is needed to answer the "
    "question below. Reply with the passage alone.\n\nQuestion: {question}"
)


class GeneratedPassages:
    """A retriever whose one passage the model writes for the question, greedily.

    Args:
        model: that writes, got when it is first needed.
        max_new_tokens: where a passage is cut.
    """

    def __init__(self, model: Callable[[], TextModel], *, max_new_tokens: int = LONGEST) -> None:
        self._model = model
        self._max_new_tokens = max_new_tokens

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The passage, with a score of 0: nothing weighed it. None where the model wrote nothing.

        Raises:
            CapabilityError: the model does not follow instructions.
            ModelError: it cannot be asked.
        """
        if k < 1:
            return []
        model = self._model()
        asked = _INSTRUCTION.format(question=question)
        text = " ".join(
            instruct(model, asked, "a generated passage (GenRead)", max_new_tokens=self._max_new_tokens).split()
        )
        if not text:
            return []
        name = "generated-" + hashlib.sha256(text.encode()).hexdigest()[:16]
        return [RetrievedPassage(passage=Passage(id=name, title="", text=text), score=0.0, written_by=model.name)]
