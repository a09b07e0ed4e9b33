"""The stream on which a model may collapse: edits of the world, running text, and general questions with choices.

Edit after edit a model may still answer its edits and have forgotten how to read (Yang et al., Findings of ACL 2024,
take perplexity for a first sign). So running text is read and questions of TruthfulQA are asked, each with answers to
choose from, where the folder of the public sets has them; else questions about facts of the world that the model knew.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.datasets import load_cases
from kedit_memory.evaluation.datasets.sources import sources
from kedit_memory.evaluation.method import Text
from kedit_memory.evaluation.running_text import running_text, spaced
from kedit_memory.evaluation.tasks.asked.choices import offered
from kedit_memory.evaluation.tasks.lifelong.streams import Stream, Wanted
from kedit_memory.evaluation.tasks.lifelong.world import world_stream
from kedit_memory.models.classifier import Editable
from kedit_memory.models.language import white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.retrieval.splitting import sentences

_WRONG = 3  # answers beside the right one
_SPARE = 2  # texts for each that is wanted, of which some are too long or one sentence
_GENERAL = "truthfulqa-mc"


def collapse_stream(model: Editable, wanted: Wanted, data: Path | None) -> Stream:
    """Edits of the world, with running text and general questions to be kept.

    Raises:
        InvalidInputError: the model gives the answers of most edits already.
    """
    stream = world_stream(model, wanted)
    model = white_box(model, "the stream collapse")
    texts, file = running_text(data)
    fitting = [
        (begun, rest)
        for begun, rest in map(_parted, spaced(texts, _SPARE * wanted.questions))
        if rest and model.fits(Prompt(question=begun), max_new_tokens=len(model.join(begun, rest)[1]))
    ]
    general = tuple(islice(_general(data, wanted.seed), wanted.questions)) if data else ()
    return replace(
        stream, name="collapse", tests=general or stream.tests, texts=tuple(spaced(fitting, wanted.questions)),
        data=file,
    )  # fmt: skip


def _parted(text: str) -> Text:
    """The first sentence of a text, and what follows it."""
    begun, *rest = sentences(text)
    return begun, " ".join(rest)


def _general(data: Path, seed: int) -> Iterator[Question]:
    """Questions about anything, with answers to choose from; none without the set."""
    if not (data / sources()[_GENERAL].folder).is_dir():
        return
    rng = random.Random(f"collapse:{seed}")  # noqa: S311 - a sample, no secret
    cases = load_cases(_GENERAL, data).found
    for case in rng.sample(cases, len(cases)):
        own = case.own
        yield offered(own, own.accepted[0], rng.sample(own.rejected, min(_WRONG, len(own.rejected))), rng)
