"""Tell a method the definitions and ask the probes, beside what the unedited model makes of the same probes."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from kedit_memory.errors import CapabilityError, KeditError
from kedit_memory.evaluation.datasets.onoe import Case, DefinitionSet, Probe, described
from kedit_memory.evaluation.methods import telling
from kedit_memory.evaluation.run import Pace
from kedit_memory.evaluation.tasks.definitions.measures import Asked, Judged, fits, judge
from kedit_memory.evaluation.tasks.definitions.method import DefinitionBench, Method
from kedit_memory.evaluation.tasks.definitions.results import Answered, Outcome
from kedit_memory.models.prompts import Prompt

_AT_ONCE = 16  # probes that are scored before progress is told
_QUOTED = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")(?!\w)")


class Asking:
    """Asks the probes of a set, of one method after the other; what the unedited model makes of them is kept.

    Args:
        bench: what methods are made from.
        known: the set; all of it fits the model's window.
        others: how many entities that a method was not told of are asked about, after each edit.
        seed: of which they are.
        pace: is told how far it is.
    """

    def __init__(self, bench: DefinitionBench, known: DefinitionSet, *, others: int, seed: int, pace: Pace) -> None:
        self._count = others
        self._seed = seed
        self._bench = bench
        self._set = known
        self._pace = pace
        self._name = ""  # of the method that is asked
        probes = [probe for case in (*known.cases, *known.others) for probe in case.probes]
        bare = [Asked(prompt=Prompt(question=probe.text.left), probe=probe) for probe in probes]
        self._base: dict[Probe, Judged] = dict(zip(probes, judge(bench.model, bare), strict=True))

    def outcome(self, name: str) -> Outcome:
        """All that a method does with the set."""
        self._name = name
        outcome = Outcome(method=name, asked=len(self._set.cases))
        try:
            method: Method = telling(name)(self._bench)
        except CapabilityError as error:
            outcome.refused[_plainly(error)] += outcome.asked
            return outcome
        outcome.at_once, outcome.preset = method.at_once, method.preset
        if method.changes_model:
            self._edited(method, outcome)
        else:
            self._found(method, outcome)
        self._pace.done += 1
        self._pace.say(f"{name}: {len(outcome.told)} probes asked, {outcome.refused.total()} definitions not taken")
        return outcome

    def _edited(self, method: Method, outcome: Outcome) -> None:
        """One definition at a time, each taken back before the next; what cannot be taken or asked is counted."""
        for done, case in enumerate(self._set.cases):
            self._pace.tick(f"{self._name}: {done} of {outcome.asked} definitions")
            try:
                with method.told([case]) as told:
                    own = self._asked(method, [case])
                    others = self._asked(method, self._others(case), group=case.entity, right=False)
            except KeditError as error:
                outcome.refused[_plainly(error)] += 1
                continue
            outcome.edits = 1
            outcome.learned.append(told.learned)
            outcome.told += own
            outcome.others += others

    def _found(self, method: Method, outcome: Outcome) -> None:
        """All definitions together; then, where the method chooses among them, the entities that it was not told of.

        Those are the set's own others, or else each half of the cases while the other half is told.
        """
        cases = self._set.cases
        with method.told(cases):
            outcome.told += self._asked(method, cases)
            if self._count and not method.told_which:
                outcome.others += self._asked(method, self._set.others, right=False)
        if not method.at_once:
            return
        outcome.edits = len(described(cases))
        if self._count and not self._set.others:
            for told, asked in _halves(cases):
                with method.told(told):
                    outcome.others += self._asked(method, asked, right=False)

    def _asked(
        self, method: Method, cases: Sequence[Case], *, group: str | None = None, right: bool = True
    ) -> list[Answered]:
        """The probes of these cases, whose owners or `group` intervals draw together."""
        owners = [(case, probe) for case in cases for probe in case.probes]
        found: list[Answered] = []
        for first in range(0, len(owners), _AT_ONCE):
            part = owners[first : first + _AT_ONCE]
            asked = [self._fitting(Asked(prompt=method.prompt(case, probe), probe=probe)) for case, probe in part]
            judged = self._judged(asked, changed=method.changes_model, right=right)
            found += [
                Answered(
                    case=case,
                    probe=probe,
                    group=group or case.entity,
                    judged=came,
                    base=self._base[probe],
                    context=not _is_bare(one),
                    own=any(case.description in text for text in _before(one.prompt)),
                )
                for (case, probe), one, came in zip(part, asked, judged, strict=True)
            ]
            if len(owners) > _AT_ONCE:
                self._pace.tick(f"{self._name}: {len(found)} of {len(owners)} probes")
        return found

    def _judged(self, asked: Sequence[Asked], *, changed: bool, right: bool) -> list[Judged]:
        """The scores, in order; those of bare probes are known unless the model is changed."""
        new = [one for one in asked if changed or not _is_bare(one)]
        found = iter(judge(self._bench.model, new, right=right))
        return [next(found) if changed or not _is_bare(one) else self._base[one.probe] for one in asked]

    def _fitting(self, asked: Asked) -> Asked:
        """The probe with no more passages and facts before it than the model can read, as the router does it."""
        while (asked.prompt.passages or asked.prompt.facts) and not fits(self._bench.model, asked):
            part = "passages" if asked.prompt.passages else "facts"
            asked = replace(asked, prompt=replace(asked.prompt, **{part: getattr(asked.prompt, part)[:-1]}))
        return asked

    def _others(self, case: Case) -> list[Case]:
        """Entities that are asked about while the definition of this one is in force."""
        known = self._set.others or [one for one in self._set.cases if one.entity != case.entity]
        rng = random.Random(f"others:{self._seed}:{case.id}")  # noqa: S311 - a sample, no secret
        return rng.sample(list(known), min(self._count, len(known)))


def _halves(cases: Sequence[Case]) -> list[tuple[list[Case], list[Case]]]:
    """Every other entity's cases with the rest of them, and the other way round."""
    entities = list(dict.fromkeys(case.entity for case in cases))
    first = set(entities[::2])
    halves = [case for case in cases if case.entity in first], [case for case in cases if case.entity not in first]
    return [halves, halves[::-1]]


def _is_bare(asked: Asked) -> bool:
    """Whether nothing is put before a probe."""
    return _before(asked.prompt) == (asked.probe.text.left,)


def _before(prompt: Prompt) -> tuple[str, ...]:
    return (*prompt.facts, *prompt.passages, prompt.question)


def _plainly(error: KeditError) -> str:
    """The reason without what it quotes: equal reasons are counted together, and no text of a set is repeated."""
    return _QUOTED.sub("…", str(error).splitlines()[0])
