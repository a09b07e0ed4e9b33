"""What questions may mean: the steps link, recall and verify, each on many at once."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.read import Reader
from kedit_memory.records import Match
from kedit_memory.routing.asked import called_for
from kedit_memory.routing.background import Background
from kedit_memory.routing.calibration import NOTE, Calibration
from kedit_memory.routing.consequences import names_in, turned
from kedit_memory.routing.dated import by_time, longest_held
from kedit_memory.routing.dialogue import readings
from kedit_memory.routing.guarded import guarded
from kedit_memory.routing.hops import led
from kedit_memory.routing.languages import Languages
from kedit_memory.routing.link import GivenNames, Linker, surfaces_of
from kedit_memory.routing.once import Once
from kedit_memory.routing.question import EXACT, LINKED, Candidate, Question, Weighed, preferred
from kedit_memory.routing.recall import link, own_words, recall
from kedit_memory.routing.strata import may_answer, stratum_of
from kedit_memory.routing.unsure import Unsure
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.routing.when import may_name_time

_LOG = logging.getLogger(__name__)

AUTO, VERIFIED, RADIUS, MODEL = "auto", "verified", "radius", "model"
SCOPES = (AUTO, VERIFIED, RADIUS, MODEL)


class Scope:
    """Says which edits of a memory a question may mean, and whether the best of them answers it.

    Args:
        memory: an open store.
        background: beside the store's, names that are known, so that the longer name wins.
        verifier: weighs the edits that a question may mean; by default the shipped one, with the store's thresholds.
        how: one of `SCOPES`; see `RouterConfig.scope`.
        unsure: asks the model where `how` is `model`; needed there alone.
        device: where the shipped verifier's reader runs; None takes an accelerator where there is one.
    """

    def __init__(
        self,
        memory: EditMemory,
        background: Background,
        *,
        verifier: ScopeVerifier | None,
        how: str,
        unsure: Unsure | None = None,
        device: str | None = None,
    ) -> None:
        self.memory = memory
        self.how = how
        self.unsure = unsure
        self._background = background
        self._given = verifier
        self._device = device
        self._shipped = Once(self._with_thresholds)
        self._known = Once(lambda: GivenNames(surfaces_of(background.aliases)))

    @property
    def verifier(self) -> ScopeVerifier:
        """What weighs candidates, with the thresholds that the store keeps where they fit, else the shipped ones."""
        return self._given or self._shipped()

    def _with_thresholds(self) -> ScopeVerifier:
        shipped, encoder, kept = ScopeVerifier(device=self._device), self.memory.encoder, self.memory.note(NOTE)
        if kept:
            try:
                calibration = Calibration.from_json(kept)
                calibration.check(encoder, shipped.fingerprint)
                return ScopeVerifier(calibration=calibration, device=self._device)
            except InvalidInputError as error:
                _LOG.warning("the store's own thresholds are not used, but the shipped ones: %s", error)
        if shipped.calibration is None:
            return shipped
        try:
            shipped.calibration.check(encoder, None)  # what ships fits the model that ships
        except InvalidInputError as error:
            return ScopeVerifier(calibration=shipped.calibration, unfit=str(error), device=self._device)
        return shipped

    @property
    def verifies(self) -> bool:
        """Whether the reader decides about scope, rather than the radius."""
        if self.how != AUTO:
            return self.how in (VERIFIED, MODEL)
        return self._given is not None or ScopeVerifier.serves(self.memory.encoder)

    @property
    def _across(self) -> bool:
        """Whether a multilingual encoder judges what is not English."""
        return self.verifies and self.verifier.languages_of(self.memory.encoder) is not None

    @property
    def pair_verifier(self) -> ScopeVerifier | None:
        """The verifier, where the reader decides."""
        return self.verifier if self.verifies else None

    def beside(self, memory: EditMemory) -> "Scope":
        """The scope of another memory, decided in the same way."""
        how = VERIFIED if self.verifies else RADIUS
        return Scope(memory, self._background, verifier=self.pair_verifier, how=how, unsure=self.unsure)

    def threshold(self, question: Question) -> float:
        """The score from which the best candidate of a question answers."""
        if not self.verifies:
            return 1.0
        return self.verifier.threshold(question.stratum, question.best.promise if question.weighed else None)

    def linker(self, reader: Reader) -> Linker:
        """Finds the names of the background, and those of the edits that a reader sees."""
        return Linker(self._known(), reader.names) if self._background.aliases else Linker(reader.names)

    def judge(self, messages: Sequence[Question], *, near: bool = False) -> list[Question]:
        """What each message of one namespace and day asks, linked, recalled and verified.

        The reading counts that an edit answers; see `readings`. `near` as in `recall`.
        """
        read = self._readings(messages)
        verified = iter(self.alone([one for group in read for one in group], near=near))
        chosen = [self._chosen([next(verified) for _ in group]) for group in read]
        return [self._led(one) for one in chosen] if self.verifies else chosen

    def _chosen(self, read: Sequence[Question]) -> Question:
        """Of the readings of a message the one that counts; of those that no edit answers, one with its own date."""
        best = preferred(read)
        if self.unsure is not None and self.how == MODEL:
            best = self._said_by(self.unsure, best)
        if best.fires or not best.dated:
            return best
        plain = preferred([one for one in read if not one.dated])
        plain = replace(plain, timings=best.timings)
        if best.model_says is None:
            return plain
        return replace(plain, weighed=best.weighed, stratum=best.stratum, model_says=best.model_says)

    def alone(self, questions: Sequence[Question], *, near: bool = False) -> list[Question]:
        """Questions as they stand, linked, recalled and verified; what follows from edits answers where none does."""
        verified = self.verify(self.recall(self.link(questions), near=near))
        for place, one in enumerate(self.verify([self.following(one) for one in verified])):
            if one.fires and self._agrees(one):
                verified[place] = one
        return verified

    def following(self, question: Question) -> Question:
        """The question that no edit answers, with what follows from the edits that say one of its names to choose from.

        Nothing, where it does not ask for what can be turned.
        """
        names = names_in(question.text) if self.verifies and not question.fires else ()
        if not names:
            return replace(question, candidates=(), weighed=(), fires=False)
        (encoded,) = self._encoded([replace(question, candidates=())], near=True)
        assert encoded.vector is not None  # noqa: S101 - encoded just now
        with self.memory.reader(as_of=question.as_of, namespace=question.namespace) as reader:
            found = tuple(
                Candidate(
                    match=replace(match, edit=edit, key=edit.prompt), found=LINKED, names=edit.names, follows=True
                )
                for match in reader.telling(encoded.vector, names)
                for edit in turned(question.text, match.edit)
            )
        return replace(encoded, candidates=found, weighed=(), fires=False)

    def _agrees(self, question: Question) -> bool:
        """Whether all that answers a question says the same."""
        firing = [one for one in question.weighed if self.verifier.fires(one, question.stratum)]
        return len({one.edit.target for one in firing}) == 1

    def _led(self, question: Question) -> Question:
        started = perf_counter()
        found = led(self, question)
        return found if found is question else found.timed("hops", perf_counter() - started)

    def _said_by(self, unsure: Unsure, question: Question) -> Question:
        """The question, which fires where the model says so of a best candidate that nearly does."""
        if question.fires or not question.weighed or not self.verifier.unsure(question.best, question.stratum):
            return question
        started = perf_counter()
        says = unsure.answers(question.text, question.turns, question.best.edit)
        return replace(question, fires=says, model_says=says).timed("ask", perf_counter() - started)

    def _readings(self, messages: Sequence[Question]) -> list[list[Question]]:
        """The questions that each message may ask; one that is an edit's own wording is read as it is."""
        read = [
            [replace(one, text=text, turns=turns) for text, turns in readings(one.text, one.turns)] for one in messages
        ]
        several = [
            place
            for place, (message, group) in enumerate(zip(messages, read, strict=True))
            if group != [replace(message, turns=())] or any(map(may_name_time, (message.text, *message.turns)))
        ]
        if several:
            first = messages[0]
            today = self.memory.day(first.as_of)
            with self.memory.reader(as_of=first.as_of, namespace=first.namespace) as reader:
                linker = self.linker(reader)
                for place in several:
                    message = messages[place]
                    if own_words(reader, message.text):
                        read[place] = [replace(message, turns=())]
                    else:
                        read[place] = [
                            one for each in read[place] for one in by_time(each, message.turns, linker, today)
                        ]
        return read

    def link(self, questions: Sequence[Question]) -> list[Question]:
        """Questions of one namespace with the names in them."""
        return self._each("link", partial(link, across=self._across), questions)

    def recall(self, questions: Sequence[Question], *, near: bool = False) -> list[Question]:
        """Linked questions with the edits that may answer them; with `near`, with what they are near to, too."""
        encoded = self._encoded(questions, near=near)
        step = partial(recall, near=near, reads=self.verifies, across=self._across)
        return self._each("recall", step, encoded, only=_has_vector)

    def verify(self, questions: Sequence[Question]) -> list[Question]:
        """Recalled questions with their candidates weighed, and whether the best one answers.

        What a question that asks nothing does not call for is no candidate, nor what one in another language than the
        verifier's does not name.
        """
        languages = self.verifier.languages_of(self.memory.encoder) if self._across else None
        questions = [_calling(one, languages) for one in questions]
        if not self.verifies:
            return [_by_radius(one) for one in questions]
        started = perf_counter()
        scored = self.verifier.weigh(questions, self.memory.encoder)
        found = [guarded(one, weighed) for one, weighed in zip(questions, scored, strict=True)]
        share = (perf_counter() - started) / max(1, sum(bool(one.candidates) for one in questions))
        return [
            self._judged(replace(one, weighed=weighed)).timed("verify", share if weighed else 0.0)
            for one, weighed in zip(questions, found, strict=True)
        ]

    def _judged(self, question: Question) -> Question:
        """The question whose candidates are weighed, with its stratum, and whether the best one answers."""
        if not question.weighed:
            return question
        question = longest_held(question)
        best = question.best
        stratum = stratum_of(question, best.candidate, across=best.promise is not None)
        return replace(question, stratum=stratum, fires=self.verifier.fires(best, stratum))

    def _each(
        self,
        name: str,
        step: Callable[[Reader, Linker, Question], Question],
        questions: Sequence[Question],
        only: Callable[[Question], bool] = lambda _: True,
    ) -> list[Question]:
        """The questions after a step, which those take for which it is meant; those of one time on one snapshot."""
        done = list(questions)
        for days in dict.fromkeys(one.days for one in questions if only(one)):
            as_of, through = days
            with self.memory.reader(as_of=as_of, through=through, namespace=questions[0].namespace) as reader:
                linker = self.linker(reader)
                for place, one in enumerate(questions):
                    if one.days == days and only(one):
                        done[place] = _timed(name, step, reader, linker, one)
        return done

    def _encoded(self, questions: Sequence[Question], *, near: bool) -> list[Question]:
        """The questions with the vectors that are needed, encoded together; each bears its share of the time."""
        needing = [one for one in questions if one.vector is None and not one.candidates and (near or one.reaches)]
        if not needing:
            return list(questions)
        started = perf_counter()
        texts = [[one.text, *(f"{turn} {one.text}" for turn in one.turns[-1:])] for one in needing]
        quick = self.verifier.encodes(self.memory.encoder) if self.verifies else None
        vectors = iter(self.memory.encode([text for one in texts for text in one], by=quick))  # (texts, dim)
        share = (perf_counter() - started) / len(needing)
        encoded = {
            id(one): replace(one, vector=next(vectors), after_turn=next(vectors) if one.turns else None).timed(
                "encode", share
            )
            for one in needing
        }
        return [encoded.get(id(one), one) for one in questions]

    def why(self, question: Question) -> str:
        """What made the best candidate of a question answer, in words; with the time at which it held."""
        why = self._why(question)
        return f"{why}; it held at the time asked about: {question.when}" if question.dated else why

    def _why(self, question: Question) -> str:
        best, stratum = question.best, question.stratum
        if stratum == EXACT:
            return "asked in its own words"
        match = best.match
        if not self.verifies:
            return f"distance {match.distance:.3f} within radius {match.radius:.3f}"
        if question.model_says:
            return f"score {best.score:.3f}, below {self.threshold(question):.3f}; the model, asked, says yes"
        least, bound = self.threshold(question), self.verifier.statement(stratum, best.promise)
        return f"score {best.score:.3f}, from {least:.3f} on it answers; {bound}"


def _calling(question: Question, languages: Languages | None) -> Question:
    kept = tuple(
        one
        for one in question.candidates
        if called_for(question.text, one)
        and may_answer(question, one, across=bool(languages and languages.language(question, one)))
    )
    return question if len(kept) == len(question.candidates) else replace(question, candidates=kept)


def _by_radius(question: Question) -> Question:
    """Candidates by their margin r^2 - d^2, widest first; the first answers when the question is within its radius."""
    near = sorted(question.candidates, key=lambda one: (one.found != EXACT, -_margin(one.match)))
    if not near:
        return question
    scored = [Weighed(candidate=one, score=float(one.found == EXACT or one.match.in_scope)) for one in near]
    question = longest_held(replace(question, weighed=guarded(question, scored)))
    best = question.best
    fires = best.score > 0 and not best.differs
    return replace(question, stratum=stratum_of(question, best.candidate), fires=fires)


def _margin(match: Match) -> float:
    return match.radius**2 - match.distance**2


def _has_vector(question: Question) -> bool:
    return question.vector is not None


def _timed(
    name: str, step: Callable[[Reader, Linker, Question], Question], reader: Reader, linker: Linker, question: Question
) -> Question:
    started = perf_counter()
    return step(reader, linker, question).timed(name, perf_counter() - started)
