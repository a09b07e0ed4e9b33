"""Pairs of texts that people, or a model, have marked as saying the same or not: an edit in the words of the first."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.datasets.public import folder_of, read_json
from kedit_memory.evaluation.tasks.scope.cases import ScopeEdit, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.nearest import NearestTexts, words

_LEFT_OUT = 3  # of so many units one is not stored
_PAIRS = 6000  # of Quora's, a sample
_ANSWER = "The answer stands in note {} of our list."
_LIKE = 0.5  # share of words from which on two texts of GPTCache may say the same


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A text that is stored, one that is asked, and whether they ask for the same."""

    stored: str
    asked: str
    same: bool


def quora_set(data: Path | None, *, seed: int = 1) -> ScopeSet:
    """Quora's question pairs in the split of Deep1994, a sample; for measuring only."""
    path = folder_of(data, "quora_question_pairs") / "test_deep1994.tsv"
    rows = [line.split("\t") for line in path.read_text("utf-8", errors="replace").splitlines()]
    pairs = [Pair(stored=row[1], asked=row[2], same=row[0] == "1") for row in rows if len(row) > 2]
    return _paired("quora", pairs, seed=seed, most=_PAIRS)


def mediqa_rqe_set(data: Path | None, *, seed: int = 1) -> ScopeSet:
    """MEDIQA's entailment of questions (Ben Abacha et al. 2019), the experts' part: long ones; for measuring only."""
    folder = folder_of(data, "mediqa_rqe")
    pairs = [
        Pair(stored=_text(row, "faq"), asked=_text(row, "chq"), same=row.get("value") == "true")
        for name in ("rqe_validation.xml", "rqe_test.xml")
        for row in _rows(folder / name)
    ]
    return _paired("mediqa_rqe", pairs, seed=seed)


def _rows(path: Path) -> Iterable[ElementTree.Element]:
    try:
        return ElementTree.parse(path).iter("pair")  # noqa: S314
    except (OSError, ElementTree.ParseError) as error:
        raise InvalidInputError(f"{path} cannot be read as XML ({error}); fetch the set anew") from error


def covid_faq_set(data: Path | None, *, seed: int = 1, language: str = "en") -> ScopeSet:
    """Deepset's pairs of questions about COVID-19, in English or German; for measuring only, being few."""
    path = folder_of(data, "covid_qa_deepset") / f"eval_question_similarity_{language}.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    pairs = [Pair(stored=row["question_1"], asked=row["question_2"], same=row["similar"] == "1") for row in rows]
    return _paired("covid_faq" if language == "en" else f"covid_faq_{language}", pairs, seed=seed)


def _paired(name: str, pairs: Sequence[Pair], *, seed: int, most: int | None = None) -> ScopeSet:
    """The set of some pairs; of texts that are the same, by whatever chain, one is stored, or none."""
    builder = SetBuilder(name, seed)
    clean = [Pair(stored=_line(p.stored), asked=_line(p.asked), same=p.same) for p in pairs]
    group = _groups(clean)
    chosen = clean if most is None else builder.rng.sample(clean, min(most, len(clean)))
    units = sorted({group[pair.stored.casefold()] for pair in chosen})
    left_out = set(builder.rng.sample(units, len(units) // _LEFT_OUT))
    places: dict[str, int] = {}
    for pair in chosen:
        unit = group[pair.stored.casefold()]
        if unit not in places and unit not in left_out:
            part = part_by_hash(f"{name}: {unit}", trains=False)
            answer = _ANSWER.format(100 + len(places))
            place = builder.add(ScopeEdit(prompt=pair.stored, target=answer, part=part))
            if place is not None:
                places[unit] = place
    for pair in chosen:
        place, owner = places.get(group[pair.stored.casefold()]), places.get(group[pair.asked.casefold()])
        if place is None or (owner is not None and not pair.same):
            continue  # not stored; or an edit covers it: another one, or by labels that contradict each other this one
        builder.case("same_question" if pair.same else "near_question", place, pair.asked, covered=pair.same)
    return builder.finished()


def _groups(pairs: Iterable[Pair]) -> dict[str, str]:
    """For each text without case the first of those that are the same by pairs."""
    lead: dict[str, str] = {}

    def first(text: str) -> str:
        while lead.setdefault(text, text) != text:
            text = lead[text]
        return text

    for pair in pairs:
        one, other = sorted((first(pair.stored.casefold()), first(pair.asked.casefold())))
        if pair.same:
            lead[other] = one
    return {text: first(text) for text in list(lead)}


def gptcache_set(data: Path | None, *, seed: int = 1) -> ScopeSet:
    """GPTCache's statements with a rewording that a model wrote; half are stored, the others are asked as negatives."""
    builder = SetBuilder("gptcache", seed)
    rows = read_json(folder_of(data, "gptcache_mock") / "mock_data.json")
    pairs = {row["origin"]: _line(row["similar"]) for row in rows if _line(row["similar"]) != _line(row["origin"])}
    stored = set(builder.rng.sample(sorted(pairs), len(pairs) // 2))
    for text in pairs:
        if text in stored:
            line = _line(text)
            place = builder.add(ScopeEdit(prompt=line, target=line, part=part_by_hash(_topic(line), trains=True)))
            if place is not None:
                builder.case("rewording", place, pairs[text], covered=True)
    near = NearestTexts([(edit.prompt,) for edit in builder.edits])
    bags = [set(words(edit.prompt)) for edit in builder.edits]
    for text, other in pairs.items():
        asked = set(words(other)) | set(words(text))
        among = [
            at for at, edit in enumerate(builder.edits) if edit.part == part_by_hash(_topic(_line(text)), trains=True)
        ]
        if text not in stored and among and not any(_share(asked, bag) >= _LIKE for bag in bags):
            builder.case("another_statement", near.among(among, other), other, covered=False)
    return builder.finished()


def _topic(text: str) -> str:
    """What a statement is about, as far as its first name in code marks or its longest word tells."""
    named = re.findall(r"`([^`]+)`", text)
    return f"gptcache: {named[0] if named else max(words(text), key=len)}"


def _share(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(1, min(len(one), len(other)))


def _line(text: str) -> str:
    return " ".join(text.split())


def _text(row: ElementTree.Element, name: str) -> str:
    found = row.find(name)
    return "" if found is None or found.text is None else found.text


PAIRS: Mapping[str, Callable[..., ScopeSet]] = {
    "gptcache": gptcache_set,
    "quora": quora_set,
    "mediqa_rqe": mediqa_rqe_set,
    "covid_faq": covid_faq_set,
    "covid_faq_de": partial(covid_faq_set, language="de"),
}
