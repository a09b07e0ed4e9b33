"""Edits in force through a codebook, and how a fact becomes tokens to learn; GRACE and its faster form share both."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from kedit_memory.editors._codebook_adapter import Adapter
from kedit_memory.editors._codebook_files import save_codebook
from kedit_memory.editors._codebook_site import Sample
from kedit_memory.editors._teaching import says
from kedit_memory.editors.base import Fact, Outcome, Wanted, facts
from kedit_memory.errors import InvalidInputError, NotFoundError, PromptTooLongError
from kedit_memory.models.classifier import ClassifierModel, Editable
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt

REPLACED = "a later edit of the same prompt replaced it"
_HIDDEN = "a later edit, {!r}, answers in its place: at this layer their keys cannot be told apart"
_NARROWED = "a later edit took from the radius that reached it: no entry covers its prompt any more"
_UNLEARNED = "the model does not say the target after {steps} steps; the edit was taken out again"


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A fact with its name in the codebook and the samples to learn it from: its prompt, then its paraphrases."""

    fact: Fact
    owner: str
    samples: tuple[Sample, ...]

    @property
    def label(self) -> str:
        """The answer that the codebook tells apart from others: the text, since token ids depend on the prompt."""
        return self.fact.target


Learn = Callable[["CodebookApplied", Sequence[Lesson]], list[Outcome]]


class CodebookApplied:
    """Edits in force in a model through one codebook, to which more can be added: an `Applied`.

    A pass that reads a target after its prompt, as scoring does, has its query token inside: say where by
    `query_tokens`. Generation needs no such help as long as it uses the key-value cache.
    """

    def __init__(
        self, model: Editable, adapter: Adapter, learn: Learn, record: Mapping[str, Any], *, paraphrases: bool
    ) -> None:
        self.model = model
        self.adapter = adapter
        self.codebook = adapter.codebook
        self.record = {**record, "fingerprint": model.fingerprint}
        self._learn = learn
        self._paraphrases = paraphrases
        self._outcomes: dict[str, Outcome] = {}

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """One for each edit, in the order given; one that a later edit replaced or hides is not learned any more."""
        return [self._now(owner, outcome) for owner, outcome in self._outcomes.items()]

    def outcome_of(self, edit_id: str) -> Outcome | None:
        """How one edit went; None where it was never added."""
        outcome = self._outcomes.get(edit_id)
        return None if outcome is None else self._now(edit_id, outcome)

    @property
    def owners(self) -> Sequence[str]:
        """The names of the edits, in the order of `outcomes`: their ids, or #1, #2… where they have none."""
        return list(self._outcomes)

    def add(self, edits: Sequence[Wanted]) -> Sequence[Outcome]:
        """Learn more edits, and give their outcomes; an edit whose id is here already takes the place of the old one.

        Raises:
            InvalidInputError: two edits have one id, or one has no prompt, no target, or a target of no token.
            PromptTooLongError: prompt and target do not fit the model's window.
        """
        lessons = self._lessons(facts(edits))
        for lesson in lessons:
            if lesson.owner in self._outcomes:
                self.remove(lesson.owner)
        try:
            outcomes = self._learn(self, lessons)
        except BaseException:  # an interrupt, too, must not leave edits that nothing tells of
            for lesson in lessons:
                self.forget(lesson.owner)
            raise
        self._outcomes.update(zip((lesson.owner for lesson in lessons), outcomes, strict=True))
        return [self._now(lesson.owner, outcome) for lesson, outcome in zip(lessons, outcomes, strict=True)]

    def remove(self, edit_id: str) -> None:
        """Take out exactly what one edit did, by its id.

        Raises:
            NotFoundError: no such edit is in force.
        """
        if edit_id not in self._outcomes or edit_id in self.codebook:
            self.codebook.remove(edit_id)
        self._outcomes.pop(edit_id, None)

    def forget(self, owner: str) -> None:
        """Take an edit out of the codebook where it is there."""
        if owner in self.codebook:
            self.codebook.remove(owner)

    def undo(self) -> None:
        """Take hooks and codebook out; the model is bit for bit what it was. A second call changes nothing."""
        self.adapter.close()

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Within the block the codebook is in the model, and after it no more: for one that is asked now and then."""
        self.adapter.open()
        try:
            yield
        finally:
            self.adapter.close()

    def save(self, folder: Path) -> None:
        """Write the codebook into a new folder.

        Raises:
            EditorError: the folder holds something already, or cannot be written.
        """
        save_codebook(self.codebook, self._outcomes, folder, self.record, self.adapter.frame)

    def restore(self, outcomes: Mapping[str, Outcome]) -> None:
        """Take over the outcomes of a saved codebook."""
        self._outcomes = dict(outcomes)

    @contextmanager
    def query_tokens(self, prompts: Sequence[Prompt | str]) -> Iterator[None]:
        """Within the block, rows begin with these prompts, unpadded, and go on with a target."""
        last = [len(self.model.encode(prompt)) - 1 for prompt in prompts]
        if self.adapter.site.in_decoder:
            last = [0] * len(last)
        with self.adapter.query_tokens(torch.tensor(last)):
            yield

    @contextmanager
    def using(self, edit_id: str | None) -> Iterator[None]:
        """Within the block, every prompt is answered by this edit, however far it is, or by none: as a scope decided.

        Raises:
            NotFoundError: no such edit is in force.
        """
        if edit_id is None:
            with self.adapter.choosing(None):
                yield
            return
        entries = [entry for entry in self.codebook.owned(edit_id) if self.codebook.radii[entry] >= 0]
        if not entries:
            raise NotFoundError(f"no edit {edit_id!r} is in force; there are {len(self.codebook)} entries of others")
        with self.adapter.choosing(lambda queries: self.codebook.nearest_of(entries, queries)):
            yield

    def checked(self, lessons: Sequence[Lesson], steps: Sequence[int], *, began: float) -> list[Outcome]:
        """Outcomes by what the model now says of its own; edits that it does not say are taken out.

        `began` is when learning them did, by `time.perf_counter`; each counts an equal part of the time.
        """
        said = self._says_target(lessons)
        seconds = round((time.perf_counter() - began) / len(lessons), 6)  # no clock tells more
        outcomes = []
        for lesson, taken, learned in zip(lessons, steps, said, strict=True):
            if not learned:
                self.forget(lesson.owner)
            reason = "" if learned else _UNLEARNED.format(steps=taken)
            outcomes.append(Outcome(fact=lesson.fact, learned=learned, seconds=seconds, steps=taken, reason=reason))
        return outcomes

    def _says_target(self, lessons: Sequence[Lesson]) -> list[bool]:
        """Whether free greedy generation gives each target; one that a later lesson replaced counts as learned."""
        longest = 1 + max(len(lesson.samples[0].target) for lesson in lessons)  # one more shows where a word ends
        asked = [lesson.fact.asked for lesson in lessons]
        answers = self.model.answer_many(asked, max_new_tokens=longest)
        return [
            says(self.model, lesson.fact, answer) or bool(self._astray(lesson.owner))
            for answer, lesson in zip(answers, lessons, strict=True)
        ]

    def _now(self, owner: str, outcome: Outcome) -> Outcome:
        astray = self._astray(owner) if outcome.learned else []
        return replace(outcome, learned=False, reason=self._why(astray[0], outcome.fact)) if astray else outcome

    def _astray(self, owner: str) -> list[int]:
        return self.codebook.astray(owner, self.adapter.find)

    def _why(self, entry: int, fact: Fact) -> str:
        """Why an edit that was learned does not answer any more: by the entry that is found in its place."""
        if entry < 0:
            return _NARROWED
        later = self._outcomes.get(self.codebook.owners[entry])
        return REPLACED if later is None or later.fact.prompt == fact.prompt else _HIDDEN.format(later.fact.prompt)

    def _lessons(self, given: Sequence[Fact]) -> list[Lesson]:
        lessons: dict[str, Lesson] = {}
        for fact in given:
            owner = fact.edit_id or self._unused(lessons)
            if owner in lessons:
                raise InvalidInputError(f"two edits have the id {owner!r}: give each its own, or add them in turn")
            asked = [fact.asked]
            if self._paraphrases:
                asked += [Prompt(question=text) for text in fact.paraphrases]
            samples = tuple(sample_of(self.model, prompt, fact.target) for prompt in dict.fromkeys(asked))
            lessons[owner] = Lesson(fact=fact, owner=owner, samples=samples)
        return list(lessons.values())

    def _unused(self, lessons: Mapping[str, Lesson]) -> str:
        number = len(self._outcomes) + len(lessons) + 1
        while f"#{number}" in self._outcomes or f"#{number}" in lessons:
            number += 1
        return f"#{number}"


def sample_of(model: Editable, prompt: Prompt, target: str) -> Sample:
    """The prompt as generation is given it, and the tokens that the model has to say, the end of an answer included.

    Of a classifier, the text and the class of the label.

    Raises:
        InvalidInputError: the target has no token, or is no label.
        PromptTooLongError: prompt and target do not fit the model's window.
    """
    if isinstance(model, ClassifierModel):
        return Sample(prompt=tuple(model.encode(prompt)), target=(model.class_of(target),))
    given = model.encode(prompt)
    said = _continued(model, prompt, model.continuation(prompt, target))
    if not said:
        raise InvalidInputError(
            f"the target {target!r} of {prompt.question!r} has no token in this model's vocabulary: give another"
        )
    if not model.fits(prompt, max_new_tokens=len(said) + 1):
        raise PromptTooLongError(
            f"{prompt.question[:60]!r} and its target have {len(given) + len(said) + 1} tokens, more than "
            f"{model.name} takes: give a shorter prompt"
        )
    return Sample(prompt=tuple(given), target=(*said, *model.ending(prompt)))


def _continued(model: WhiteBoxModel, prompt: Prompt, continuation: str) -> list[int]:
    """The tokens of the continuation; on its own where it would change how the end of the prompt is cut."""
    given, said = model.join(prompt, continuation)
    return said if given == model.encode(prompt) else model.encode_text(continuation)
