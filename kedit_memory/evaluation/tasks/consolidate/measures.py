"""What a model says before and after edits are written into it, and whether the change keeps within its limits."""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.judges import Judge, same
from kedit_memory.evaluation.locality import kept_as, kept_rows
from kedit_memory.evaluation.rows import Row
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Edit
from kedit_memory.world import Fact, World

SAME_SUBJECT, SAME_RELATION, UNRELATED, CANARY, PAST = (
    "same_subject", "same_relation", "unrelated", "canary", "past",
)  # fmt: skip
_KNOWN_TIER = 2  # subjects up to this tier of fame: there a model has answers to lose, elsewhere it guesses
_NEAR_SHARE = 4  # at most one in so many questions is of one of the two near kinds
_LONGEST = 128  # tokens of a running text


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What has to hold for a change to be kept.

    Attributes:
        reliability: The least share of edits whose prompt gives the target.
        locality: The least share of all other questions, known or guessed, that are answered as before.
        perplexity_ratio: The most that perplexity on running text may become, over what it was.
    """

    reliability: float = 0.9
    locality: float = 0.95
    perplexity_ratio: float = 1.1

    def __post_init__(self) -> None:
        for name, value in (("reliability", self.reliability), ("locality", self.locality)):
            if not 0 <= value <= 1:
                raise InvalidInputError(f"the least {name} is {value}; it is a share, give 0 to 1")
        if not self.perplexity_ratio > 0:
            raise InvalidInputError(f"the highest ratio of perplexities is {self.perplexity_ratio}; give more than 0")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a model said: to each edit's prompt and paraphrases, to the other questions, and of each text the loss."""

    own: tuple[str, ...]
    rephrased: tuple[str, ...]
    others: tuple[str, ...]
    losses: tuple[tuple[float, int], ...]  # negative log-probability in nats, tokens


class Examination:
    """The same questions and texts, for the model before and after.

    Args:
        edits: that are written.
        questions: whose answers should stay.
        texts: running text for perplexity.
        judge: says which answers count.
    """

    def __init__(
        self, edits: Sequence[Edit], questions: Sequence[Question], texts: Sequence[str], judge: Judge
    ) -> None:
        self.edits = tuple(edits)
        self.questions = tuple(questions)
        self.texts = tuple(texts)
        self._judge = judge
        self._rephrased = [(text, edit) for edit in edits for text in edit.paraphrases]

    def read(self, model: WhiteBoxModel) -> Reading:
        """What the model says now, by free greedy decoding; all questions are asked in one batch."""
        asked = [edit.prompt for edit in self.edits] + [text for text, _ in self._rephrased]
        said = model.answer_many([Prompt(question=text) for text in (*asked, *(one.text for one in self.questions))])
        scores = model.log_probabilities([("", fitting(model, text)) for text in self.texts])
        return Reading(
            own=tuple(said[: len(self.edits)]),
            rephrased=tuple(said[len(self.edits) : len(asked)]),
            others=tuple(said[len(asked) :]),
            losses=tuple((-math.fsum(one), len(one)) for one in scores),
        )

    def rows(self, before: Reading, after: Reading, row: Row) -> Iterator[Row]:
        """The figures; `row` has what they share, with the edits of it for those that were taken after."""
        for reading, edits in ((before, 0), (after, row.edits)):
            at = replace(row, edits=edits, judge=self._judge.name)
            yield _share(replace(at, metric="reliability"), self._learned(reading))
            if self._rephrased:
                yield _share(replace(at, metric="generalization"), self._generalized(reading))
            yield from self._accuracy(reading, replace(at, metric="accuracy"))
            text = replace(at, metric="perplexity", kind="running_text", unit="perplexity", judge=None)
            yield _perplexity(text, reading)
        figures = [kept_as(one, said, self._judge) for one, said in zip(self.questions, before.others, strict=True)]
        yield from kept_rows(row, figures, self.unchanged(before, after))
        yield _ratio(replace(row, metric="ratio", kind="perplexity", unit="ratio"), before, after)

    def unchanged(self, before: Reading, after: Reading) -> list[bool]:
        """Whether each of the other questions is answered as before."""
        return [same(now, was) for was, now in zip(before.others, after.others, strict=True)]

    def known(self, reading: Reading) -> list[Edit]:
        """The edits that the model says to their prompt and to every paraphrase that they have."""
        missed = {
            edit.id for (_, edit), right in zip(self._rephrased, self._generalized(reading), strict=True) if not right
        }
        learned = zip(self.edits, self._learned(reading), strict=True)
        return [edit for edit, right in learned if right and edit.id not in missed]

    def verdict(self, before: Reading, after: Reading, limits: Limits) -> list[str]:
        """Each limit that does not hold, with the figure; none where the change can be kept."""
        learned, kept = self._learned(after), self.unchanged(before, after)
        ratio = perplexity(after) / perplexity(before)
        failed = []
        if sum(learned) < limits.reliability * len(learned):
            failed.append(
                f"reliability is {sum(learned)} of {len(learned)}, {limits.reliability:g} or more is asked for"
            )
        if sum(kept) < limits.locality * len(kept):
            failed.append(
                f"of the other answers {sum(kept)} of {len(kept)} stay, a share of {limits.locality:g} is asked for"
            )
        if not self.known(after):
            failed.append("no edit is said in all its wordings, so the memory has to answer them all")
        if not ratio <= limits.perplexity_ratio:  # a ratio that is no number fails, too
            failed.append(f"perplexity is {ratio:.3f} times what it was, {limits.perplexity_ratio:g} is allowed")
        return failed

    def _learned(self, reading: Reading) -> list[bool]:
        return [
            self._judge(said, _question(edit, edit.prompt)) for edit, said in zip(self.edits, reading.own, strict=True)
        ]

    def _generalized(self, reading: Reading) -> list[bool]:
        return [
            self._judge(said, _question(edit, text))
            for (text, edit), said in zip(self._rephrased, reading.rephrased, strict=True)
        ]

    def _accuracy(self, reading: Reading, row: Row) -> Iterator[Row]:
        """The share of questions with known answers that are answered right, by kind."""
        for kind, places in self._kinds().items():
            right = [
                self._judge(reading.others[place], self.questions[place])
                for place in places
                if self.questions[place].accepted
            ]
            if right:
                yield _share(replace(row, kind=kind), right)

    def _kinds(self) -> dict[str, list[int]]:
        kinds: dict[str, list[int]] = {}
        for place, one in enumerate(self.questions):
            kinds.setdefault(one.kind, []).append(place)
        return kinds


def perplexity(reading: Reading) -> float:
    """The exponential of the mean negative log-probability of a token; infinite where that is beyond all numbers."""
    mean = math.fsum(loss for loss, _ in reading.losses) / sum(tokens for _, tokens in reading.losses)
    return math.exp(mean) if mean < math.log(np.finfo(np.float64).max) else math.inf


def fitting(model: WhiteBoxModel, text: str) -> str:
    """As many words of a text, from its start, as make up to 128 tokens and fit the model's window."""
    words = text.split()
    while len(words) > 1 and not (
        len(model.encode(" ".join(words))) <= _LONGEST and model.fits(" ".join(words), max_new_tokens=1)
    ):
        words = words[: max(1, len(words) * 9 // 10)]
    return " ".join(words)


def past_questions(past: Sequence[Edit]) -> list[Question]:
    """What the model was taught by earlier consolidations, which this one should leave alone."""
    return [Question(text=edit.prompt, kind=PAST, accepted=(edit.target or "",)) for edit in past]


def read_canary(path: Path) -> list[Question]:
    """The questions of a JSONL file: `question`, and `answer` (a text or several) where the right one is known.

    Raises:
        InvalidInputError: the file cannot be read, holds no question, or a line does not have this form.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); name a JSONL file of canary questions") from error
    found = [_canary(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise InvalidInputError(f"{path} holds no question; give one JSON object a line")
    return found


def _canary(line: str, where: str) -> Question:
    try:
        row = json.loads(line)
        question, answer = row["question"].strip(), row.get("answer", [])
        accepted = (answer,) if isinstance(answer, str) else tuple(answer)
        if question and all(isinstance(one, str) and one.strip() for one in accepted):
            return Question(text=question, kind=CANARY, accepted=accepted)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # said below, for every way in which a line can be wrong
    raise InvalidInputError(f'{where}: no canary question; write {{"question": "…"}}, with "answer": "…" where known')


def world_questions(world: World, edits: Sequence[Edit], count: int, seed: int) -> list[Question]:
    """Questions of the world that none of the edits answers: near ones first, then any, each about another fact.

    Of an edited subject other relations are asked, of an edited relation other subjects; both only where an edit's
    relation is known, by its name or because its prompt is a wording of the world's. Other subjects are well known.
    """
    rng = random.Random(f"consolidate:{seed}")  # noqa: S311 - a sample, no secret
    names = {name for edit in edits for name in edit.names} | {edit.target for edit in edits}
    slots = {slot for edit in edits for slot in _slots(world, edit)}
    relations = {relation for _, relation in slots}
    own = [fact for subject in {subject for subject, _ in slots} for fact in world.by_subject[subject]]
    own = sorted((fact for fact in own if (fact.subject, fact.relation) not in slots), key=str)
    known = [fact for fact in world.facts if fact.tier <= _KNOWN_TIER]
    free = [fact for fact in known if fact.subject not in names and fact.object not in names]
    kinds = (
        (SAME_SUBJECT, own, count // _NEAR_SHARE),
        (SAME_RELATION, [fact for fact in free if fact.relation in relations], count // _NEAR_SHARE),
        (UNRELATED, [fact for fact in free if fact.relation not in relations], count),
    )
    questions: list[Question] = []
    for kind, facts, most in kinds:
        drawn = rng.sample(facts, min(most, len(facts), count - len(questions)))
        questions += [_asked(world, fact, kind, rng) for fact in drawn]
    return questions


def _slots(world: World, edit: Edit) -> Iterator[tuple[str, str]]:
    """The subject and relation of the world that an edit is about."""
    for fact in world.by_subject.get(edit.subject or "", ()):
        relation = world.relations[fact.relation]
        wordings = (world.fill(wording, fact.subject) for wording in relation.questions + relation.clozes)
        if fact.relation == edit.relation or edit.prompt in wordings:
            yield fact.subject, fact.relation


def _asked(world: World, fact: Fact, kind: str, rng: random.Random) -> Question:
    text = world.fill(rng.choice(world.relations[fact.relation].questions), fact.subject)
    entity = world.entities.get(fact.object)
    return Question(text=text, kind=kind, accepted=(fact.object, *(entity.aliases if entity else ())))


def _question(edit: Edit, text: str) -> Question:
    return Question(text=text, accepted=(edit.target or "",))


def _share(row: Row, right: Sequence[bool]) -> Row:
    return replace(row, unit="share").counted(right)


def _perplexity(row: Row, reading: Reading) -> Row:
    return replace(row.drawn(reading.losses, "perplexity"), value=perplexity(reading))


def _ratio(row: Row, before: Reading, after: Reading) -> Row:
    """Perplexity after over before; both readings of a text are drawn together."""
    pairs = [(now - was, tokens) for (was, tokens), (now, _) in zip(before.losses, after.losses, strict=True)]
    return replace(row.drawn(pairs, "perplexity"), value=perplexity(after) / perplexity(before))
