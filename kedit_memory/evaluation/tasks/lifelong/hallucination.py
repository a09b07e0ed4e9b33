"""The stream of hallucinations: true sentences in place of those that a model made up."""

import math
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Case, Question, own_question
from kedit_memory.evaluation.datasets.public import folder_of
from kedit_memory.evaluation.datasets.selfcheck import corrections, hallucinations, passage_pairs
from kedit_memory.evaluation.method import Text
from kedit_memory.evaluation.tasks.lifelong.streams import Stream, Wanted, wrong_before
from kedit_memory.models.classifier import Editable
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

_SURE = math.log(0.5)  # the least log-probability of a token that no other can beat
_LONGEST_TARGET = 96  # tokens; a longer correction is left out, since every answer is generated up to the longest


def hallucination_stream(model: Editable, wanted: Wanted, data: Path | None) -> Stream:
    """True sentences in place of those that a model made up (SelfCheckGPT, Manakul et al. 2023; form of Hartvigsen's).

    The model is one that was trained on the passages (scripts/train_stream_model.py), so that it makes the same
    sentences up, and gets others right. What must stay are those, and web text.

    Raises:
        InvalidInputError: the model gives none of the passages' sentences itself.
        NotFoundError: the set is absent.
    """
    model = white_box(model, "the stream hallucination")
    folder = folder_of(data, "selfcheck_hallucination")
    rng = random.Random(f"hallucination:{wanted.seed}")  # noqa: S311 - a sample, no secret
    rows = corrections(folder)
    edits = [edit for row in rng.sample(rows, len(rows)) if (edit := _correction(row, model))]
    longest = max((_length(model, edit.prompt, edit.target) for edit in edits), default=0) + 1
    chosen = wrong_before(model, iter(edits), wanted, longest)
    made_up = {row["prompt"].strip() for row in hallucinations(folder)}  # what follows these is false
    kept = [pair for pair in passage_pairs(folder) if pair[0] not in made_up]
    right = _given_itself(model, rng.sample(kept, len(kept)), wanted.questions)
    if not right:
        raise InvalidInputError(
            f"{model.name} writes none of the passages' sentences itself, so that nothing could be lost; give --model "
            "the folder of one that was trained on them by scripts/train_stream_model.py"
        )
    web = [(row["locality_prompt"], row["locality_ground_truth"]) for row in rows]
    texts = rng.sample([text for text in web if _fits(model, *text)], min(wanted.questions, len(web)))
    outside = [Question(text=prompt, kind="unrelated") for prompt, _ in texts]
    outside += [Question(text=prompt, kind="right_before") for prompt, _ in right]
    return Stream(
        name="hallucination",
        edits=chosen,
        outside=tuple(outside),
        texts=tuple(texts),
        right=right,
        max_new_tokens=longest,
        data=folder,
    )


def _given_itself(model: WhiteBoxModel, pairs: Iterable[Text], count: int) -> tuple[Text, ...]:
    """The first `count` texts that the model is sure to continue word for word.

    A token of more than half of the probability is the one that greedy decoding takes, so nothing is generated here.
    """
    found: list[Text] = []
    fitting = [pair for pair in pairs if _fits(model, *pair)]
    for start in range(0, len(fitting), count):
        batch = fitting[start : start + count]
        asked = [(Prompt(question=prompt), following) for prompt, following in batch]
        scores = model.log_probabilities([(prompt, model.continuation(prompt, text)) for prompt, text in asked])
        found += [pair for pair, tokens in zip(batch, scores, strict=True) if min(tokens) > _SURE]
        if len(found) >= count:
            break
    return tuple(found[:count])


def _correction(row: Mapping[str, Any], model: WhiteBoxModel) -> Case | None:
    prompt, target = row["prompt"].strip(), row["target_new"].strip()
    if not _fits(model, prompt, target):
        return None
    request = EditRequest(prompt=prompt, target=target, subject=row["subject"])
    return Case(edit=request, questions=(own_question(request, (target,)),))


def _fits(model: WhiteBoxModel, prompt: str, following: str) -> bool:
    """Whether the text is short enough to be generated up to the longest target."""
    short = _length(model, prompt, following) <= _LONGEST_TARGET
    return short and model.fits(Prompt(question=prompt), max_new_tokens=_LONGEST_TARGET + 1)


def _length(model: WhiteBoxModel, prompt: str, following: str) -> int:
    asked = Prompt(question=prompt)
    return len(model.join(asked, model.continuation(asked, following))[1])
