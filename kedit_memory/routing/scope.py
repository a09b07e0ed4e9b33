"""What a question may mean, in order: link → recall → verify. Nothing is routed here, and nothing is answered."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter

from kedit_memory.memory import EditMemory
from kedit_memory.records import Match
from kedit_memory.routing.background import Background
from kedit_memory.routing.calibration import EXACT, NOTE, Calibration
from kedit_memory.routing.link import Linker, surfaces_of
from kedit_memory.routing.recall import Asked, Recall, read, recall
from kedit_memory.routing.verify import NONE, Judged, ScopeVerifier, Weighed
from kedit_memory.text import LONGEST_NAME, clean, clean_line

AUTO, VERIFIED, RADIUS = "auto", "verified", "radius"
SCOPES = (AUTO, VERIFIED, RADIUS)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a question may mean, on its way from link to verify."""

    asked: Asked
    as_of: str | None
    namespace: str
    recalled: Recall
    timings: Mapping[str, float]
    weighed: tuple[Weighed, ...] = ()  # best first
    fires: bool = False  # whether the best one answers

    @property
    def judged(self) -> Judged:
        """The best candidate with its score."""
        best = self.weighed[0] if self.weighed else None
        return Judged(
            question=self.asked.question,
            edit_id=best.match.edit.id if best else None,
            score=best.score if best else 0.0,
            stratum=best.candidate.stratum if best else NONE,
            fires=self.fires,
            timings=self.timings,
        )


class Scope:
    """Says which edits of a memory a question may mean, and whether the best of them answers it.

    Args:
        memory: an open store.
        background: beside the store's, names that are known, so that the longer name wins.
        verifier: weighs the edits that a question may mean; by default the shipped one, with the store's thresholds.
        how: one of `SCOPES`; see `RouterConfig.scope`.
    """

    def __init__(self, memory: EditMemory, background: Background, *, verifier: ScopeVerifier | None, how: str) -> None:
        self.memory = memory
        self.how = how
        self._background = background
        self._verifier = verifier
        self._linker: Linker | None = None
        self._linked = 0  # the operation up to which the linker knows the store's names

    @property
    def verifier(self) -> ScopeVerifier:
        """What weighs candidates, with the thresholds that the store keeps.

        Raises:
            InvalidInputError: the store's calibration was made for another encoder or verifier.
        """
        if self._verifier is None:
            kept = self.memory.note(NOTE)
            verifier = ScopeVerifier(calibration=Calibration.from_json(kept) if kept else None)
            if verifier.calibration:  # what ships fits the model that ships, which is loaded when it has to weigh
                verifier.calibration.check(self.memory.encoder, verifier.fingerprint if kept else None)
            self._verifier = verifier
        return self._verifier

    @property
    def verifies(self) -> bool:
        """Whether the pair model decides about scope, rather than the radius."""
        if self.how != AUTO:
            return self.how == VERIFIED
        return self._verifier is not None or ScopeVerifier.serves(self.memory.encoder)

    @property
    def linker(self) -> Linker:
        """Finds names in a text, with the names of edits that were added since it was last used."""
        if self._linker is None:
            self._linker = Linker(surfaces_of(self._background.aliases))
        self._linked, names = self.memory.names(after=self._linked)
        self._linker.add(names)
        return self._linker

    def find(self, questions: Sequence[str], as_of: str | None, namespace: str, *, near: bool = False) -> list[Found]:
        """Links, recalls and verifies: what each question may mean, and with `near` what it is near to."""
        cleaned = [clean(question, "question") for question in questions]
        namespace = clean_line(namespace, "namespace", LONGEST_NAME)
        if not cleaned:
            return []
        linker = self.linker
        timings: list[dict[str, float]] = [{} for _ in cleaned]
        asked = []
        for question, times in zip(cleaned, timings, strict=True):
            with timed(times, "link"):
                asked.append(read(self.memory, linker, question, as_of=as_of, namespace=namespace))
        asked = self._encoded(asked, timings, near=near)
        found = []
        for one, times in zip(asked, timings, strict=True):
            with timed(times, "recall"):
                recalled = recall(self.memory, linker, one, as_of=as_of, namespace=namespace, near=near)
            found.append(Found(asked=one, as_of=as_of, namespace=namespace, recalled=recalled, timings=times))
        return self._weigh(found)

    def _encoded(self, asked: Sequence[Asked], timings: Sequence[dict[str, float]], *, near: bool) -> list[Asked]:
        """The same with the vectors that are needed, encoded together; timings of one process, share by share."""
        needing = [place for place, one in enumerate(asked) if near or one.reaches]
        if not needing:
            return list(asked)
        started = perf_counter()
        vectors = self.memory.encode([asked[place].question for place in needing])  # (needing, dim)
        share = (perf_counter() - started) / len(needing)
        encoded = list(asked)
        for place, vector in zip(needing, vectors, strict=True):
            encoded[place] = replace(asked[place], vector=vector)
            timings[place]["encode"] = share
        return encoded

    def _weigh(self, found: list[Found]) -> list[Found]:
        if not self.verifies:
            return [_by_radius(one) for one in found]
        started = perf_counter()
        candidates = [one.recalled.candidates for one in found]
        weighed = self.verifier.weigh([one.asked.question for one in found], candidates)
        share = (perf_counter() - started) / max(1, sum(map(bool, candidates)))
        return [
            replace(
                one,
                weighed=tuple(best),
                fires=bool(best) and self.verifier.fires(best[0]),
                timings={**one.timings, "verify": share if best else 0.0},
            )
            for one, best in zip(found, weighed, strict=True)
        ]

    def why(self, best: Weighed) -> str:
        """What made the best candidate answer, in words."""
        if best.candidate.stratum == EXACT:
            return "asked in its own words"
        match = best.match
        if not self.verifies:
            return f"distance {match.distance:.3f} within radius {match.radius:.3f}"
        stratum = best.candidate.stratum
        bound = self.verifier.calibration.statement(stratum) if self.verifier.calibration else "not calibrated"
        return f"score {best.score:.3f}, from {self.verifier.threshold(stratum):.3f} on it answers; {bound}"


def _by_radius(found: Found) -> Found:
    """Candidates by their margin r^2 - d^2, widest first; the first answers when the question is within its radius."""
    near = sorted(found.recalled.candidates, key=lambda one: (one.stratum != EXACT, -_margin(one.match)))
    weighed = tuple(Weighed(candidate=one, score=float(one.stratum == EXACT or one.match.in_scope)) for one in near)
    return replace(found, weighed=weighed, fires=bool(weighed) and weighed[0].score > 0)


def _margin(match: Match) -> float:
    return match.radius**2 - match.distance**2


@contextmanager
def timed(timings: dict[str, float], step: str) -> Iterator[None]:
    """Note the seconds that the block takes."""
    started = perf_counter()
    yield
    timings[step] = perf_counter() - started
