"""SERAC: an explicit cache of edits, a classifier of their scope, and a counterfactual model that reads them: `serac`.

Mitchell et al., "Memory-Based Model Editing at Scale", ICML 2022. With g the scope classifier, z_e the edits of the
cache and x a question (section 4):

    answer(x) = base(x)              where max_e g(z_e, x) < 0.5
                counterfactual(z_e*, x)   else, with e* the edit of the largest g

No weight of the base model is read or written. `Serac.apply` has the counterfactual model stand in inside a model
whose weights are at hand, as every editor does; `Serac.wrap` puts a model in front of any other, one behind an
endpoint included.

Readings of the paper. The counterfactual model reads the edit as a fact before the question (`substitution.told`). The
shipped one was trained to answer from it (equation 4, by `scripts/train_counterfactual.py`) on the embedded model; any
language model will do, less surely where it knows better. Of several edits of one prompt the newest is in force, since
the classifier gives them one place.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kedit_memory.editors._edit_cache import EditCache
from kedit_memory.editors._progress import Options
from kedit_memory.editors._scope_classifier import ScopeClassifier, load_scope
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors._weights import outcome_from, read_record, write_aside, write_record
from kedit_memory.editors.base import Fact, Outcome, Wanted, facts, undone_on_failure
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError, NotFoundError
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.classifier import ClassifierModel
from kedit_memory.models.formats import clean
from kedit_memory.models.language import StandIn, Substitute, TextModel, WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.models.sources import COUNTERFACTUAL
from kedit_memory.models.substitution import SubstitutedModel, told
from kedit_memory.records import Vectors

REPLACED = "a later edit of the same prompt replaced it"
_RECORD = "change.json"
_VECTORS = "change.safetensors"


@dataclass(frozen=True, kw_only=True)
class Serac(Options):
    """SERAC with the paper's threshold.

    Attributes:
        scope: The classifier (see `editors/_scope_classifier.py`): "embedding", which ships, or the folder of one in
            either form that `kedit train serac` wrote.
        counterfactual: The model that reads an edit, as `load_model` takes it; the shipped one was trained to.
        threshold: The probability from which on an edit covers a question.
    """

    name: ClassVar[str] = "serac"

    scope: str = "embedding"
    counterfactual: str = COUNTERFACTUAL
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_options(self.name, threshold=(self.threshold, 0.0, 1.0))
        for option in ("scope", "counterfactual"):
            if not getattr(self, option).strip():
                raise InvalidInputError(f"{option} of {self.name} is empty; it takes a name or a folder")

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> "SeracChange":
        """Put the edits into the cache of a model; `add` of what comes back puts in more. Errors as in `Editor.apply`.

        Raises:
            ModelError: the classifier or the counterfactual model cannot be loaded.
        """
        wanted = facts(edits)
        change = SeracChange(self._inside(model), self)
        with undone_on_failure(change):
            change.take(wanted)
        return change

    def load(self, model: WhiteBoxModel, folder: Path) -> "SeracChange":
        """Put a saved change back, with the options that it was made with; errors as in `Editor.load`."""
        folder = Path(folder)
        record = read_record(folder / _RECORD, self.name, self._inside(model))
        try:
            vectors = _read_vectors(folder, record)
            outcomes = {owner: outcome_from(row) for owner, row in record["outcomes"].items()}
            editor = replace(self, **record["options"])
            if len(outcomes) != len(vectors):
                raise _damaged(folder)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(folder) from error
        if record["scope"] != (present := load_scope(editor.scope).fingerprint):
            raise EditorError(
                f"the edits saved in {folder} were encoded by another scope classifier ({record['scope']}, "
                f"here is {present}): make the edits again"
            )
        change = SeracChange(model, editor)
        change.restore(outcomes, vectors)
        return change

    def wrap(self, model: TextModel, edits: Sequence[Wanted] = ()) -> "SeracModel":
        """A model in front of any other, with these edits in its cache.

        Raises:
            InvalidInputError: an edit has no prompt or no target.
            ModelError: the classifier or the counterfactual model cannot be loaded.
        """
        wrapped = SeracModel(model, Cached(self))
        if edits:
            wrapped.add(edits)
        return wrapped

    def _inside(self, model: TextModel | ClassifierModel) -> WhiteBoxModel:
        if isinstance(model, WhiteBoxModel):
            return model
        if isinstance(model, ClassifierModel):
            return white_box(model, self.name)  # which says what it lacks
        raise CapabilityError(
            f"{self.name} needs a model with hidden states and weights to be put inside it, which {model.name!r} is "
            f"not: put it in front instead, by Serac().wrap(model, edits)"
        )


class Cached:
    """The decision and the answer of SERAC for a batch of prompts: a `StandIn`.

    Questions that no edit covers go on to `before`, what stood in already.
    """

    def __init__(self, editor: Serac, before: StandIn | None = None) -> None:
        self.editor = editor
        self.before = before
        self.cache = EditCache(load_scope(editor.scope), editor.threshold)
        self.users = 0  # changes in force that have edits in it

    @property
    def classifier(self) -> ScopeClassifier:
        """What tells which edit covers a question."""
        return self.cache.classifier

    @property
    def counterfactual(self) -> TextModel:
        """The model that reads an edit, loaded at its first use."""
        return _counterfactual(self.editor.counterfactual)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over classifier, counterfactual model and the edits in force."""
        parts = [self.classifier.fingerprint, self.counterfactual.fingerprint, repr(self.editor.threshold)]
        parts += [self.before.fingerprint] if self.before is not None else []
        parts += [statement_of(edit.prompt, edit.target) for edit in self.cache.edits()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def __call__(self, prompts: Sequence[Prompt]) -> list[Substitute | None]:
        """Who answers each prompt."""
        covering = self.cache.covering([prompt.question for prompt in prompts])
        found: list[Substitute | None] = [
            None
            if edit is None
            else Substitute(self.counterfactual, told(prompt, statement_of(edit.prompt, edit.target)))
            for prompt, edit in zip(prompts, covering, strict=True)
        ]
        missed = [place for place, one in enumerate(found) if one is None]
        if self.before is not None and missed:
            earlier = self.before([prompts[place] for place in missed])
            for place, one in zip(missed, earlier, strict=True):
                found[place] = one
        return found


class SeracModel(SubstitutedModel):
    """A `TextModel` with SERAC's cache in front of another, of whatever strength."""

    stand_in: Cached

    def add(self, edits: Sequence[Wanted]) -> None:
        """Put edits into the cache; of one prompt the newest answers.

        Raises:
            InvalidInputError: an edit has no prompt or no target.
        """
        self.stand_in.cache.add(facts(edits))


class SeracChange:
    """Edits in force in a model through a cache, to which more can be added: an `Applied`.

    Changes of one model under the same options share a cache, so that one largest g decides among all their edits;
    each takes out its own edits alone, in any order.
    """

    def __init__(self, model: WhiteBoxModel, editor: Serac) -> None:
        self.model = model
        self.editor = editor
        self._fingerprint = model.fingerprint
        standing = model.stand_in
        shared = isinstance(standing, Cached) and standing.editor == editor
        self.stand_in: Cached = standing if shared else Cached(editor, standing)  # type: ignore[assignment]
        self._rows: dict[str, int] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._undone = False
        self.stand_in.users += 1
        model.stand_in = self.stand_in

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """One for each edit, in the order given; an edit that a later one replaced is not learned any more."""
        return tuple(self._now(owner, outcome) for owner, outcome in self._outcomes.items())

    @property
    def owners(self) -> Sequence[str]:
        """The names of the edits, in the order of `outcomes`: their ids, or #1, #2… where they have none."""
        return list(self._outcomes)

    def add(self, edits: Sequence[Wanted]) -> Sequence[Outcome]:
        """Put more edits into the cache, and give their outcomes; one whose id is here takes the place of the old one.

        Raises:
            InvalidInputError: two edits have one id, or one has no prompt or no target.
            EditorError: the change was undone.
        """
        return self.take(facts(edits))

    def take(self, wanted: Sequence[Fact]) -> list[Outcome]:
        """The same for edits that were checked already."""
        if self._undone:
            raise EditorError(f"this {self.editor.name} change was undone: apply the edits anew")
        started = time.perf_counter()
        named = self._named(wanted)
        for owner in named:
            if owner in self._rows:
                self.remove(owner)
        rows = self.stand_in.cache.add(wanted)
        self._rows |= dict(zip(named, rows, strict=True))
        try:
            outcomes = self._judged(wanted, started)
        except BaseException:  # an interrupt, too, must not leave edits that nothing tells of
            for owner in named:
                self.stand_in.cache.remove(self._rows.pop(owner))
            raise
        self._outcomes |= dict(zip(named, outcomes, strict=True))
        return [self._now(owner, self._outcomes[owner]) for owner in named]

    def remove(self, edit_id: str) -> None:
        """Take out exactly what one edit did, by its id.

        Raises:
            NotFoundError: no such edit is in force.
        """
        if edit_id not in self._rows:
            raise NotFoundError(f"no edit {edit_id!r} is in force; there are {', '.join(self._rows) or 'none'}")
        self.stand_in.cache.remove(self._rows.pop(edit_id))
        del self._outcomes[edit_id]

    def undo(self) -> None:
        """Take the edits out of the cache, and the last one SERAC out of the model; a second call changes nothing.

        Raises:
            EditorError: another model was made to stand in later: that comes out first.
        """
        if self._undone:
            return
        last = self.stand_in.users == 1
        if last and self.model.stand_in is not self.stand_in:
            raise EditorError(
                f"another change of who answers for {self.model.name} came after this {self.editor.name} edit, which "
                "can not be taken out alone: undo the later change first"
            )
        for row in self._rows.values():
            self.stand_in.cache.remove(row)
        self._rows.clear()
        self.stand_in.users -= 1
        if last:
            self.model.stand_in = self.stand_in.before
        self._undone = True

    def save(self, folder: Path) -> None:
        """Write the edits as JSON and their encodings as safetensors into a new folder.

        Raises:
            EditorError: the folder holds something already, or cannot be written, or the change was undone.
        """
        if self._undone:
            raise EditorError(f"this {self.editor.name} change was undone: there is nothing to save")
        cache = self.stand_in.cache
        kept = [cache.vector(row) for row in self._rows.values()]
        vectors = np.array(kept, np.float32).reshape(len(kept), cache.classifier.width)
        outcomes = {owner: asdict(outcome) for owner, outcome in self._outcomes.items()}
        record = {
            "method": self.editor.name,
            "fingerprint": self._fingerprint,
            "options": self.editor.options,
            "scope": cache.classifier.fingerprint,
            "outcomes": outcomes,
        }

        def write(place: Path) -> None:
            save_file({"edits": vectors}, place / _VECTORS)
            checksum = _checksum(place / _VECTORS, outcomes)
            write_record(place / _RECORD, {**record, "checksum": checksum})

        write_aside(Path(folder), write)

    def restore(self, outcomes: Mapping[str, Outcome], vectors: Vectors) -> None:
        """Take over the edits of a saved change, with their encodings."""
        rows = self.stand_in.cache.add([outcome.fact for outcome in outcomes.values()], vectors)
        self._rows = dict(zip(outcomes, rows, strict=True))
        self._outcomes = dict(outcomes)

    def _named(self, wanted: Sequence[Fact]) -> list[str]:
        names: list[str] = []
        for fact in wanted:
            number = len(self._outcomes) + len(names) + 1
            while f"#{number}" in self._outcomes or f"#{number}" in names:
                number += 1
            owner = fact.edit_id or f"#{number}"
            if owner in names:
                raise InvalidInputError(f"two edits have the id {owner!r}: give each its own, or add them in turn")
            names.append(owner)
        return names

    def _judged(self, wanted: Sequence[Fact], started: float) -> list[Outcome]:
        """What free generation says of each edit."""
        self.editor.telling("edits asked for")(0, len(wanted))
        answers = self.model.answer_many([fact.asked for fact in wanted], max_new_tokens=self._room(wanted))
        seconds = (time.perf_counter() - started) / len(wanted)
        outcomes = []
        for fact, answer in zip(wanted, answers, strict=True):
            learned = answer == clean(fact.target, fact.asked.cloze)
            reason = "" if learned else self._why(fact, answer)
            outcomes.append(Outcome(fact=fact, learned=learned, seconds=seconds, reason=reason))
        return outcomes

    def _room(self, wanted: Sequence[Fact]) -> int:
        """The new tokens that the longest target may take."""
        model = self.stand_in.counterfactual
        if not isinstance(model, WhiteBoxModel):
            return MAX_NEW_TOKENS
        return max(MAX_NEW_TOKENS, *(len(model.join(fact.asked, f" {fact.target}.")[1]) + 1 for fact in wanted))

    def _why(self, fact: Fact, answer: str) -> str:
        best = float(self.stand_in.cache.probabilities([fact.prompt]).max())
        if best < self.editor.threshold:
            return f"the scope classifier gives its own prompt {best:.2f}, below {self.editor.threshold:g}"
        return f"the counterfactual model says {answer!r}"

    def _now(self, owner: str, outcome: Outcome) -> Outcome:
        if owner in self._rows and not self.stand_in.cache.in_force(self._rows[owner]):
            return replace(outcome, learned=False, reason=REPLACED)
        return outcome


@lru_cache(maxsize=2)
def _counterfactual(name: str) -> TextModel:
    """The model of a name; kept, since many edits read through one."""
    return load_model(name)


def _read_vectors(folder: Path, record: Mapping[str, Any]) -> Vectors:
    try:
        if record["checksum"] != _checksum(folder / _VECTORS, record["outcomes"]):
            raise _damaged(folder)
        found: Vectors = load_file(folder / _VECTORS)["edits"]
    except (OSError, SafetensorError) as error:
        raise _damaged(folder) from error
    return found


def _checksum(vectors: Path, outcomes: Mapping[str, Any]) -> str:
    """Over the file of encodings and the edits beside it."""
    written = json.dumps(outcomes, sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(vectors.read_bytes() + written).hexdigest()


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the change saved in {folder} is damaged: make the edits again, or load another copy")
