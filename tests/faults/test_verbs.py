"""All verbs in any order against a plain model of what answers on which day: each is worth what the words of it say."""

import shutil
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from memory.conftest import TODAY, WordEncoder

from kedit_memory.errors import ConflictError, NotFoundError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Checkpoint

PROMPTS = ("Who leads Acme?", "What is the code of the gate?", "Where is the green tower?")
SPACES = ("default", "other")
YEARS = (2020, 2021, 2022, 2023, 2024)  # what is asked of each: its first of June
Span = tuple[int | None, int | None]  # the year in which it begins, and the one in which it holds no more

prompts = st.sampled_from(PROMPTS)
spaces = st.sampled_from(SPACES)
targets = st.sampled_from(["Ann", "Bo", None])  # None erases
spans = st.tuples(st.sampled_from([None, 2021, 2022, 2023]), st.sampled_from([None, 2022, 2023, 2024])).filter(
    lambda span: None in span or span[0] < span[1]
)
picks = st.integers(0, 9)


@dataclass
class Said:
    """One edit, or the days that are left of one before another: `whole` is its id then."""

    id: str
    prompt: str
    target: str | None
    span: Span
    active: bool = True
    holds: bool = True
    confirmed: list[str] = field(default_factory=list)
    whole: str | None = None

    def on(self, year: int) -> bool:
        start, end = self.span
        return self.holds and (start is None or start <= year) and (end is None or year < end)

    def meets(self, span: Span) -> bool:
        return any(replace(self, span=span, holds=True).on(year) and self.on(year) for year in YEARS)


Space = list[Said]


def dates(span: Span) -> dict[str, str]:
    return {
        name: f"{year}-01-01"
        for name, year in zip(("valid_from", "valid_until"), span, strict=True)
        if year is not None
    }


def give_way(space: Space, new: Said) -> None:
    """Older answers keep the days that the newer one does not take."""
    for old in [one for one in space if one is not new and one.prompt == new.prompt and one.target != new.target]:
        if not old.meets(new.span):
            continue
        start, end = new.span
        before = start is not None and (old.span[0] is None or old.span[0] < start)
        after = end is not None and (old.span[1] is None or end < old.span[1])
        if after:
            if before:
                space.append(
                    replace(
                        old,
                        id="",
                        span=(old.span[0], start),
                        active=False,
                        confirmed=list(old.confirmed),
                        whole=old.whole or old.id,
                    )
                )
            old.span = (end, old.span[1])
        elif before:
            old.span, old.active = (old.span[0], start), False
        else:
            old.holds = old.active = False


class Verbs(RuleBasedStateMachine):
    """A memory beside its model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="verbs-"))
        self.memory = self.opened("store")
        self.model: dict[str, Space] = {name: [] for name in SPACES}
        self.done: list[tuple[str, Space]] = []  # what may be undone: the space that it changed, as it was before

    def teardown(self) -> None:
        self.memory.close()
        shutil.rmtree(self.folder)

    def opened(self, name: str) -> EditMemory:
        return EditMemory.open(self.folder / name, WordEncoder(), clock=lambda: TODAY)

    def begin(self, name: str) -> Space:
        """The space, which is about to change."""
        self.done.append((name, deepcopy(self.model[name])))
        return self.model[name]

    def active(self, name: str, pick: int) -> Said | None:
        found = [one for one in self.model[name] if one.active]
        return found[pick % len(found)] if found else None

    @rule(
        name=spaces,
        prompt=prompts,
        answer=targets,
        span=spans,
        how=st.sampled_from(["supersede", "reject", "keep_both"]),
    )
    def add(self, name: str, prompt: str, answer: str | None, span: Span, how: str) -> None:
        space, options = self.model[name], {"namespace": name, "on_conflict": how, **dates(span)}

        def write() -> str:
            if answer is None:
                return self.memory.erase(prompt, **options).id
            return self.memory.add(prompt, answer, **options).id

        mine = [one for one in space if one.prompt == prompt]
        if twin := [one.id for one in mine if one.active and (one.target, one.span) == (answer, span)]:
            if not any(one.confirmed for one in mine):  # else either is right
                assert write() in twin
            return
        if how == "reject" and any(one.target != answer and one.meets(span) for one in mine):
            with pytest.raises(ConflictError):
                write()
            return
        space = self.begin(name)
        space.append(new := Said(id=write(), prompt=prompt, target=answer, span=span))
        if how == "supersede":
            give_way(space, new)

    @rule(name=spaces, answer=st.sampled_from(["Cy", "Di"]), span=spans)
    def add_many(self, name: str, answer: str, span: Span) -> None:
        if any(one.active and (one.target, one.span) == (answer, span) for one in self.model[name]):
            return
        made = self.memory.add_many(
            [{"prompt": prompt, "target": answer, **dates(span)} for prompt in PROMPTS], namespace=name
        )
        space = self.begin(name)
        for prompt, edit in zip(PROMPTS, made, strict=True):
            space.append(new := Said(id=edit.id, prompt=prompt, target=answer, span=span))
            give_way(space, new)

    @rule(name=spaces, pick=picks, answer=st.sampled_from(["Ann", "Eve"]))
    def update(self, name: str, pick: int, answer: str) -> None:
        if (chosen := self.active(name, pick)) is None:
            return
        self.memory.update(chosen.id, target=answer)
        space = self.begin(name)
        changed = next(one for one in space if one.id == chosen.id)
        changed.target = answer
        give_way(space, changed)

    @rule(name=spaces, pick=picks)
    def retract(self, name: str, pick: int) -> None:
        if (chosen := self.active(name, pick)) is None:
            return
        self.memory.retract(chosen.id)
        for one in self.begin(name):
            if chosen.id in (one.id, one.whole):
                one.holds = one.active = False

    @rule(name=spaces, pick=picks, number=st.integers(0, 3))
    def confirm(self, name: str, pick: int, number: int) -> None:
        if (chosen := self.active(name, pick)) is None:
            return
        question = f"is {chosen.id} asked {number}?"
        self.memory.confirm(chosen.id, question)
        if question not in chosen.confirmed:
            next(one for one in self.begin(name) if one.id == chosen.id).confirmed.append(question)

    @rule(name=spaces, pick=picks, number=st.integers(0, 3))
    def reject(self, name: str, pick: int, number: int) -> None:
        if (chosen := self.active(name, pick)) is None:
            return
        question = f"is {chosen.id} asked {number}?"
        before = self.memory.stats().operations
        self.memory.reject(chosen.id, question)
        if self.memory.stats().operations > before:
            (own,) = (one for one in self.begin(name) if one.id == chosen.id)
            own.confirmed = [one for one in own.confirmed if one != question]

    @rule(name=spaces, pick=picks)
    def consolidate(self, name: str, pick: int) -> None:
        chosen = self.active(name, pick)
        if chosen is None or chosen.target is None:
            return
        made = Checkpoint(fingerprint=f"f{self.memory.stats().operations}", base="b", method="rome", folder="m")
        self.memory.consolidate([self.memory.get(chosen.id)], made, lambda: None)
        assert self.memory.held_by(made.fingerprint, [chosen.id]) == {chosen.id}
        self.begin(name)

    @precondition(lambda self: self.done)
    @rule()
    def undo(self) -> None:
        self.memory.undo()
        name, before = self.done.pop()
        self.model[name] = before

    @rule(name=spaces)
    def undo_in_namespace(self, name: str) -> None:
        places = [place for place, (of, _) in enumerate(self.done) if of == name]
        if places:
            self.memory.undo(namespace=name)
            _, self.model[name] = self.done.pop(places[-1])

    @rule(name=spaces, pick=picks)
    def purge(self, name: str, pick: int) -> None:
        space = self.model[name]
        known = [one.id for one in space if not one.whole]
        if not known:
            return
        gone = known[pick % len(known)]
        self.memory.purge(gone)
        with pytest.raises(NotFoundError):
            self.memory.get(gone)
        self.model[name] = [one for one in space if gone not in (one.id, one.whole)]
        self.done.clear()  # what was done before may rest on it

    @rule()
    def open_again(self) -> None:
        self.memory.close()
        self.memory = self.opened("store")

    @rule()
    def rebuild(self) -> None:
        self.memory.rebuild()

    @rule()
    def copies_say_the_same(self) -> None:
        self.memory.backup(self.folder / "backup")
        self.memory.export(self.folder / "all.jsonl")
        with self.opened("backup") as copy, self.opened("imported") as other:
            other.import_(self.folder / "all.jsonl")
            assert list(self.answers(copy)) == list(self.answers(other)) == list(self.expected())
            assert copy.verify().problems == other.verify().problems == ()
        shutil.rmtree(self.folder / "backup")
        shutil.rmtree(self.folder / "imported")

    @rule()
    def all_is_in_order(self) -> None:
        assert self.memory.verify().problems == ()

    @invariant()
    def answers_are_those_of_the_model(self) -> None:
        assert list(self.answers(self.memory)) == list(self.expected())

    def answers(self, memory: EditMemory) -> Iterator[tuple[str, str, int, list[str]]]:
        for name, question, year in self.asked():
            found = memory.worded([question], as_of=f"{year}-06-01", namespace=name)
            yield name, question, year, sorted(str(match.edit.target) for match in found)

    def expected(self) -> Iterator[tuple[str, str, int, list[str]]]:
        for name, question, year in self.asked():
            mine = (one for one in self.model[name] if question in (one.prompt, *one.confirmed) and one.on(year))
            yield name, question, year, sorted(str(one.target) for one in mine)

    def asked(self) -> Iterator[tuple[str, str, int]]:
        for name, space in self.model.items():
            said = dict.fromkeys(question for one in space for question in one.confirmed)
            yield from ((name, question, year) for question in (*PROMPTS, *said) for year in YEARS)


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(12, 15, marks=pytest.mark.timeout(1200)),
        pytest.param(2000, 60, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def test_verbs_do_what_the_model_says(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Verbs,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
