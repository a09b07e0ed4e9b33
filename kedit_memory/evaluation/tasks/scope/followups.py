"""Questions that only the turns before them complete: the stored edit is what they mean, written out.

Of a dialogue about half of the follow-ups that say something have their full question stored. The others are asked as
what is not covered; so is a stored one's follow-up after the turns of another dialogue, or with no turn before it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines, read_text
from kedit_memory.evaluation.tasks.scope.cases import ScopeEdit, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.paragraphs import NAME, cut
from kedit_memory.words import words

_STORED = 0.5  # of the follow-ups of a dialogue
_SAME = 0.6  # of the content words of two questions, from which on they may ask for the same thing
_TRIED = 20  # dialogues in whose place a follow-up is tried
_READ = 2  # sentences of an answer
_LONGEST = 25  # words of a full question
_VAGUE = re.compile(
    r"\b(else|other|another|any ?thing|some ?thing|interesting|article|information|besides?|aside|addition\w*|more|"
    r"next|notable|significant|important|happen\w*|thanks?|bye|goodbye|okay|preference|(don.t|doesn.t) (care|matter)|"
    r"this|these|those|that (one|place|restaurant|area|time))\b|^(no|yes|nope|sure)\b",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(r"i don.t know|cannotanswer", re.IGNORECASE)
# What is stored where a set has no answer.
_MADE_UP = (
    "only in the northern branch", "by a vote of the members", "Ottoline Brask", "a copper kettle", "in late autumn",
    "the council of Wendle", "with great care", "not before the harbour opens", "because the mill burned down",
    "a blue enamel badge", "in the old granary", "Tobias Lindqvist", "the third violin", "a small fee",
    "every Thursday", "under the stone bridge", "no, never", "yes, from the start", "about half of them",
    "to a school in Orrin",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """What a user asked, in all forms that the set has, what was meant, and the answer, empty where it is not told."""

    asked: tuple[str, ...]
    full: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class _Dialogue:
    """A dialogue; `topic` decides its part, `opening` is what its writers saw before the first turn."""

    topic: str
    opening: tuple[str, ...]
    turns: tuple[_Turn, ...]

    def before(self, place: int) -> tuple[str, ...]:
        """All that was said before a turn."""
        said = (text for turn in self.turns[:place] for text in (turn.asked[0], turn.answer))
        return tuple(text for text in said if text)


@dataclass(frozen=True, kw_only=True)
class _FollowUp:
    """A turn that needs those before it; `missing` are the content words that only they tell."""

    dialogue: _Dialogue
    turns: tuple[str, ...]
    asked: tuple[str, ...]
    full: str
    answer: str
    missing: frozenset[str]


def followups_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """CANARD (Elgohary et al. 2019), TREC CAsT 2019 to 2021 (Dalton et al.) and GECOR's CamRest (Quan et al. 2019)."""
    builder = SetBuilder("followups", seed)
    by_part: dict[str, list[_FollowUp]] = defaultdict(list)
    stored: list[tuple[int, _FollowUp]] = []
    aside: list[tuple[list[int], _FollowUp]] = []  # with the edits of its dialogue
    known = _Known()
    for one in (*_canard(data), *_cast(data), *_camrest(data)):
        part = part_by_hash(one.topic, trains=True)
        found = list(_followups(one))
        by_part[part] += found
        builder.rng.shuffle(found)
        count = round(_STORED * len(found) + builder.rng.choice((0, 0.25)))
        kept = [(edit, each) for each in found[:count] if (edit := _store(builder, each, part, known)) is not None]
        stored += kept
        aside += [([edit for edit, _ in kept], each) for each in found[count:] if kept]
    for edit, each in stored:
        _elsewhere(builder, edit, each, by_part[builder.edits[edit].part])
    for edits, each in aside:
        if not known.has_like(each.full):
            nearest = max(edits, key=lambda edit: len({*words(builder.edits[edit].prompt)} & {*words(each.full)}))
            builder.case("same_dialogue", nearest, builder.rng.choice(each.asked), covered=False, turns=each.turns)
    return builder.finished()


class _Known:
    """The stored questions, by their content words."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[frozenset[str]]] = defaultdict(list)

    def has_like(self, question: str) -> bool:
        """Whether a stored question may ask for the same thing."""
        own = frozenset(words(question))
        near = {other for word in own for other in self._by_word[word]}
        return any(len(own & other) > _SAME * len(own | other) for other in near)

    def add(self, question: str) -> None:
        own = frozenset(words(question))
        for word in own:
            self._by_word[word].append(own)


def _store(builder: SetBuilder, one: _FollowUp, part: str, known: _Known) -> int | None:
    """The edit of a follow-up, with every form in which it is asked; None where one like it is stored."""
    if known.has_like(one.full):
        return None
    edit = builder.add(ScopeEdit(prompt=one.full, target=one.answer or builder.rng.choice(_MADE_UP), part=part))
    if edit is not None:
        known.add(one.full)
        for question in one.asked:
            builder.case("follow_up", edit, question, covered=True, turns=one.turns)
    return edit


def _elsewhere(builder: SetBuilder, edit: int, one: _FollowUp, others: Sequence[_FollowUp]) -> None:
    """The follow-up where nothing, or nothing of it, was said before."""
    asked = [text for text in one.asked if _says_little(text, one.full)]
    if not asked:
        return
    question = builder.rng.choice(asked)
    builder.case("no_turns", edit, question, covered=False)
    for other in builder.rng.sample(others, min(_TRIED, len(others))):
        if other.dialogue is not one.dialogue and one.missing.isdisjoint(words(" ".join(other.turns))):
            builder.case("other_dialogue", edit, question, covered=False, turns=other.turns)
            return


def _says_little(asked: str, full: str) -> bool:
    """Whether the names of the full question are not in what was asked, or half of what it says is not."""
    names, own = set(NAME.findall(full)), {*words(full)}
    return (bool(names) and not any(name in asked for name in names)) or 2 * len(own - {*words(asked)}) >= len(own)


def _followups(one: _Dialogue) -> Iterator[_FollowUp]:
    """The turns of a dialogue that say something, and all of it with the turns before them."""
    for place, turn in enumerate(one.turns):
        full = turn.full.strip()
        if _VAGUE.search(full) or len(full.split()) > _LONGEST or not words(full):
            continue
        before = one.before(place)
        for turns in (before, (*one.opening, *before)):
            told = {*words(" ".join(turns))}
            asked = tuple(text for text in turn.asked if {*words(full)} - {*words(text)})
            missing = frozenset({*words(full)} - {word for text in asked for word in words(text)})
            if turns and asked and missing and missing <= told:
                answer = "" if _NO_ANSWER.search(turn.answer) else turn.answer
                yield _FollowUp(dialogue=one, turns=turns, asked=asked, full=full, answer=answer, missing=missing)
                break


def _canard(data: Path) -> Iterator[_Dialogue]:
    """The dialogues of CANARD, whose writers saw the title and a heading of an article."""
    rows: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in read_json(folder_of(data, "canard_dev") / "dev.json"):
        rows[row["QuAC_dialog_id"]][row["Question_no"]] = row
    for by_number in rows.values():
        numbers = sorted(by_number)
        last = by_number[numbers[-1]]
        title, heading, *said = last["History"]
        answers = [*said[1::2], ""]
        turns = tuple(
            _Turn(asked=(by_number[n]["Question"],), full=by_number[n]["Rewrite"], answer=_short(answers[n - 1]))
            for n in numbers
            if n - 1 < len(answers)
        )
        opening = (f"Let us talk about {title}: {heading}.", "Gladly. What would you like to know?")
        yield _Dialogue(topic=title, opening=opening, turns=turns)


def _cast(data: Path) -> Iterator[_Dialogue]:
    """The topics of the three years of TREC CAsT."""
    folder = folder_of(data, "trec_cast")
    full: dict[str, str] = {}
    for line in read_text(folder / "evaluation_topics_annotated_resolved_v1.0.tsv").splitlines():
        name, _, text = line.partition("\t")
        full[name] = text
    names = ("evaluation_topics_v1.0", "2020_manual_evaluation_topics_v1.0", "2021_manual_evaluation_topics_v1.0")
    for topic in (topic for name in names for topic in read_json(folder / f"{name}.json")):
        turns = tuple(
            _Turn(
                asked=(turn["raw_utterance"].strip(),),
                full=turn.get("manual_rewritten_utterance") or full.get(f"{topic['number']}_{turn['number']}", ""),
                answer=_short(turn.get("passage", "")),
            )
            for turn in topic["turn"]
        )
        yield _Dialogue(topic=f"cast {topic['number']}", opening=(), turns=turns)


def _camrest(data: Path) -> Iterator[_Dialogue]:
    """The requests for a restaurant, each with its shorter forms."""
    rows: dict[int, list[Any]] = defaultdict(list)
    for row in read_json_lines(folder_of(data, "gecor_camrest") / "camrest_turns.jsonl"):
        rows[row["dialogue"]].append(row)
    for name, of_dialogue in rows.items():
        answers = [*(row["prev_system"].strip() for row in of_dialogue[1:]), ""]
        turns = tuple(
            _Turn(asked=_forms(row), full=row["transcript_complete"].strip(), answer=answer)
            for row, answer in zip(of_dialogue, answers, strict=True)
        )
        yield _Dialogue(topic=f"camrest {name}", opening=(), turns=turns)


def _forms(row: Mapping[str, str]) -> tuple[str, ...]:
    names = ("transcript", "transcript_with_ellipsis", "transcript_with_coreference")
    return tuple(dict.fromkeys(row[name].strip() for name in names if row[name].strip()))


def _short(answer: str) -> str:
    """The first sentences of an answer."""
    return " ".join(cut(answer)[:_READ])
