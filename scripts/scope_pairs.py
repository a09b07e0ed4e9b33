"""Pairs of a question and an edit for training the scope verifier, each with its label.

They come from the training part of each set (see `kedit_memory.evaluation.tasks.scope.sets`) and from groups of
wordings that ask the same thing. No relation of the held-out part and no subject of its edits occurs.
"""

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scope_wordings import Worded, worded

from kedit_memory.evaluation.negatives import dropped, in_passing, mention, negated, similar_name, swapped
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.sets import FACTS, HELD_OUT_WORDS, part_of, same_property
from kedit_memory.models.encoder import minilm
from kedit_memory.models.reader import Pair

SHARES = {
    "counterfact": 0.08, "pararel": 0.14, "world": 0.15, "lre": 0.06, "zsre": 0.03, "groups": 0.08, "wordings": 0.41,
    "properties": 0.02, "unke": 0.03,
}  # fmt: skip
KIND_SHARES = {
    "prompt": 0.03, "rephrasing": 0.46,
    "same_subject": 0.27, "same_relation": 0.04, "similar_name": 0.04, "swapped": 0.02, "negation": 0.05,
    "mention": 0.04, "prefix": 0.05,
}  # fmt: skip
IN_PASSING = 0.15  # of questions come after other words, whatever their label, or these words would tell it
RAW_SHARE = 0.15  # of pairs whose subject is not marked, for questions that do not name it as the edit does
WITHOUT_TARGET = 0.2  # of edits are shown as an erasure, which has no answer

Labelled = tuple[Pair, float]


def pairs(data: Path, seed: int) -> Iterator[Labelled]:
    """Pairs and labels without end, by the shares of sets and kinds."""
    rng = random.Random(seed)
    sets = [make(data) for make in FACTS.values()]
    hidden = {e.subject for one in sets for e in one.edits if e.part != TRAINING}
    sources: dict[str, Iterator[Labelled]] = {one.name: _of_set(one, hidden, random.Random(seed)) for one in sets}
    subjects = sorted({e.subject for one in sets for e in one.edits} - hidden)
    sources["groups"] = _of_groups(groups(data, hidden), subjects, random.Random(seed))
    sources["wordings"] = _of_wordings(subjects, random.Random(seed))
    sources["properties"] = _of_properties(data, subjects, random.Random(seed))
    sources["unke"] = _of_unke(data, random.Random(seed))
    names = list(SHARES)
    while True:
        yield next(sources[rng.choices(names, [SHARES[n] for n in names])[0]])


# The sets, by kind.


def _of_set(one: ScopeSet, hidden: set[str], rng: random.Random) -> Iterator[Labelled]:
    kinds: dict[str, list[tuple[str, ScopeEdit, bool]]] = defaultdict(list)
    for case in one.cases:
        edit = one.edits[case.edit]
        if case.part == TRAINING and edit.subject not in hidden and (edit.relation or one.name == "zsre"):
            kinds[case.kind].append((case.question, edit, case.covered))
    known = [kind for kind in KIND_SHARES if kinds.get(kind)]
    weights = [KIND_SHARES[kind] for kind in known]
    while True:
        question, edit, covered = rng.choice(kinds[rng.choices(known, weights)[0]])
        asked = _asked(question, edit.subject, rng)
        names = () if rng.random() < RAW_SHARE else (edit.subject, *edit.aliases)
        yield _labelled(asked, _varied(edit.prompt, rng), edit.target, names, float(covered), rng)


def _asked(question: str, subject: str, rng: random.Random) -> str:
    """The question as it comes: now and then after other words."""
    return _varied(_after_others(question, subject, rng), rng)


def _after_others(question: str, subject: str, rng: random.Random) -> str:
    return in_passing(question, subject, rng) if rng.random() < IN_PASSING else question


def _varied(text: str, rng: random.Random) -> str:
    """Now and then as people type: without its mark or its capital."""
    if rng.random() < 0.08:
        text = text.rstrip("?. ")
    return text[:1].lower() + text[1:] if rng.random() < 0.08 else text


def _labelled(
    question: str, prompt: str, target: str | None, names: Sequence[str], label: float, rng: random.Random
) -> Labelled:
    answer = "" if target is None or rng.random() < WITHOUT_TARGET else target
    return Pair(question, prompt, answer, tuple(names)), label


# Wordings of many more relations, as other sets have them.


@dataclass(frozen=True, kw_only=True)
class Group:
    """Wordings that ask the same thing, with {} for the subject; `relation` where its property is known."""

    wordings: tuple[str, ...]
    relation: str = ""

    def unlike(self, other: "Group") -> bool:
        """Whether the two surely ask different things: no content word, synonyms included, is in both."""
        if self.relation and self.relation == other.relation:
            return False
        mine, theirs = (_content(group.wordings) for group in (self, other))
        return not same_property(mine, theirs)


_GENERAL = re.compile(
    r"\{\}|\b(what|which|whom|whose|does|that|this|with|from|have|been|they|will|would|name|names|named|called|known|"
    r"belongs?|kind|type|there|made|some|used)\b"
)


def _content(wordings: Sequence[str]) -> str:
    """The words that tell what is asked."""
    return _GENERAL.sub(" ", " ".join(wordings).casefold())


def groups(data: Path, hidden: set[str]) -> list[Group]:
    """ZsRE's training rows, mLAKE's single hops, MQuAKE's rewrites and hops, EntityQuestions' templates."""
    found = [*_of_zsre(data, hidden), *_of_mlake(data), *_of_mquake(data), *_of_entity_questions(data)]
    return [
        group
        for group in found
        if len(group.wordings) > 1
        and part_of(group.relation) == TRAINING
        and not HELD_OUT_WORDS.search(" ".join(group.wordings).casefold())
    ]


def _of_zsre(data: Path, hidden: set[str]) -> Iterator[Group]:
    for row in _json(data / "zsre" / "zsre_mend_train-1k.json"):
        if row["subject"] not in hidden:
            yield _group((row["src"], row["rephrase"]), row["subject"])


def _of_mlake(data: Path) -> Iterator[Group]:
    for row in _json(data / "mlake" / "single_hop" / "en_qa.json"):
        statement = row["o_prompt"].rstrip(". ")
        cloze = statement.removesuffix(row["o_answer"]).rstrip()
        shared = _shared_name(row["question"], statement)
        if shared and cloze != statement:
            yield _group((row["question"], cloze), shared)


def _of_mquake(data: Path) -> Iterator[Group]:
    by_relation: dict[str, set[str]] = defaultdict(set)
    for case in _json(data / "mquake" / "AKEW_MQuAKE-CF.json"):
        for edit in case["requested_rewrite"]:
            asked = edit["question"].replace(edit["subject"], "{}")
            by_relation[edit["relation_id"]] |= {edit["prompt"], asked}
    for relation, wordings in sorted(by_relation.items()):
        yield Group(wordings=tuple(sorted(w for w in wordings if "{}" in w)), relation=relation)


def _of_entity_questions(data: Path) -> Iterator[Group]:
    templates = _json(data / "entityquestions" / "relation_query_templates.json")
    for name, template in templates.items():
        similar = templates.get(f"{name}_similar")
        if similar:
            yield _group((template, similar), "[X]", relation=name)


def _group(texts: Sequence[str], subject: str, relation: str = "") -> Group:
    wordings = dict.fromkeys(text.replace(subject, "{}") for text in texts if subject in text)
    return Group(wordings=tuple(wordings), relation=relation)


def _shared_name(question: str, statement: str) -> str:
    """The longest capitalised name that both have; empty where they share none."""
    names = re.findall(r"(?<!^)\b[A-Z][\w.'-]*(?: (?:of |the |and )?[A-Z0-9][\w.'-]*)*", question)
    names += re.findall(r"^[A-Z][\w.'-]*(?: [A-Z][\w.'-]*)+", statement)
    return max((n.removesuffix("'s") for n in names if n.removesuffix("'s") in statement), key=len, default="")


def _of_groups(found: Sequence[Group], subjects: Sequence[str], rng: random.Random) -> Iterator[Labelled]:
    while True:
        one, subject = rng.choice(found), rng.choice(subjects)
        first, second = (text.replace("{}", subject) for text in rng.sample(one.wordings, 2))
        roll = rng.random()
        if roll < 0.45:
            yield _labelled(_asked(first, subject, rng), _varied(second, rng), None, (subject,), 1.0, rng)
        elif roll < 0.5:
            yield _labelled(dropped(first, rng), second, None, (subject,), 0.0, rng)
        else:
            other = rng.choice(found)
            if one.unlike(other):
                asked = _asked(rng.choice(other.wordings).replace("{}", subject), subject, rng)
                yield _labelled(asked, _varied(first, rng), None, (subject,), 0.0, rng)


# Relations that the project words itself, with their near neighbours.


NEIGHBOURS = 6  # relations of the same type with the most alike wordings, from which half of the others are drawn


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A relation among those of its type: the vectors of its wordings, and those that are most easily taken for it."""

    relation: Worded
    vectors: np.ndarray  # (wordings, dim), of length 1
    near: list["_Placed"] = field(default_factory=list)


def _placed() -> list[list[_Placed]]:
    """Relations by type, each with its neighbours by the encoder that the verifier starts from."""
    encoder = minilm()
    types = []
    for relations in worded(for_calibration=False).values():
        texts = [[wording.replace("{}", "it") for wording in relation.wordings] for relation in relations]
        one = [
            _Placed(relation=relation, vectors=encoder.encode(wordings))
            for relation, wordings in zip(relations, texts, strict=True)
        ]
        centres = np.array([placed.vectors.mean(0) for placed in one])
        alike = centres @ centres.T
        np.fill_diagonal(alike, -np.inf)
        for placed, row in zip(one, alike, strict=True):
            placed.near.extend(one[place] for place in np.argsort(-row)[: min(NEIGHBOURS, len(one) - 1)])
        types.append(one)
    return types


def _of_wordings(subjects: Sequence[str], rng: random.Random) -> Iterator[Labelled]:
    """Two wordings of one relation, or of two relations of the same type of subject, with an answer to the edit's.

    Half of the former are the less alike of two pairs, half of the latter are of relations that are near.
    """
    types = [relations for relations in _placed() if len(relations) > 1]
    sizes = [len(relations) for relations in types]
    while True:
        relations, subject = rng.choices(types, sizes)[0], rng.choice(subjects)
        one = rng.choice(relations)
        target = rng.choice(one.relation.answers)
        first, second = (text.replace("{}", subject) for text in _two(one, rng))
        roll = rng.random()
        if roll < 0.45:
            yield _labelled(_asked(first, subject, rng), _varied(second, rng), target, (subject,), 1.0, rng)
        elif roll < 0.58:
            if turned := _turned_away(first, subject, target, subjects, rng):
                yield _labelled(_asked(turned, subject, rng), second, target, (subject,), 0.0, rng)
        else:
            other = rng.choice(one.near if roll < 0.79 else [each for each in relations if each is not one])
            asked = _asked(rng.choice(other.relation.wordings).replace("{}", subject), subject, rng)
            yield _labelled(asked, _varied(first, rng), target, (subject,), 0.0, rng)


def _turned_away(question: str, subject: str, target: str, names: Sequence[str], rng: random.Random) -> str | None:
    """The question made one of another thing, of every kind that is made of the sets' questions."""
    roll = rng.random()
    if roll < 0.3:
        return negated(question, rng)
    if roll < 0.6:
        return question.replace(subject, similar_name(subject, names, rng))
    if roll < 0.7:
        return mention(subject, rng)
    return swapped(question, subject, target) if roll < 0.75 else dropped(question, rng)


def _two(one: _Placed, rng: random.Random) -> list[str]:
    """Two wordings of a relation; every other time, of two such pairs the less alike."""
    places = range(len(one.vectors))
    pairs = [rng.sample(places, 2) for _ in range(rng.choice((1, 2)))]
    first, second = min(pairs, key=lambda pair: float(one.vectors[pair[0]] @ one.vectors[pair[1]]))
    return [one.relation.wordings[first], one.relation.wordings[second]]


# Properties by name alone.

_FORMS = ("The {p} of {s} is", "What is the {p} of {s}?", "{s}'s {p} is", "What is {s}'s {p}?", "{s}, {p}:",
          "Tell me the {p} of {s}.", "what's {s}'s {p}", "Which {p} does {s} have?")  # fmt: skip


def _of_properties(data: Path, subjects: Sequence[str], rng: random.Random) -> Iterator[Labelled]:
    names = _property_names(data)
    while True:
        one, other = rng.sample(names, 2)
        subject = rng.choice(subjects)
        edited, asked = (form.replace("{s}", subject) for form in rng.sample(_FORMS, 2))
        asked = _after_others(asked, subject, rng)
        if rng.random() < 0.45:
            yield _labelled(asked.replace("{p}", one), edited.replace("{p}", one), None, (subject,), 1.0, rng)
        elif not same_property(one, other):
            yield _labelled(asked.replace("{p}", other), edited.replace("{p}", one), None, (subject,), 0.0, rng)


def _property_names(data: Path) -> list[str]:
    """The properties for which KnowEdit's prompts ask."""
    names = set()
    for name in ("wiki_counterfact_train", "wiki_recent_train"):
        for row in _json(data / "knowedit" / f"{name}.json"):
            for prompt in _prompts(row):
                form = rf"The (?:names? of the )?(.+?) of {re.escape(row['subject'])} (?:is|are)"
                if (found := re.fullmatch(form, prompt)) and not HELD_OUT_WORDS.search(found[1]):
                    names.add(found[1])
    return sorted(names)


def _prompts(row: dict[str, Any]) -> Iterator[str]:
    yield row["prompt"]
    for group in row.get("locality", {}).values():
        yield from (probe["prompt"] for probe in group)


def _of_unke(data: Path, rng: random.Random) -> Iterator[Labelled]:
    """A rephrased question of UnKE (Deng et al. 2024), or another question about the same subject."""
    rows = [
        row
        for row in _json(data / "unke" / "final_data_v2.json")
        if not HELD_OUT_WORDS.search(row["question"].casefold())
    ]
    while True:
        row = rng.choice(rows)
        question, rephrased = rng.sample([row["question"], row["para_question"]], 2)
        shared = re.findall(r"[A-Z][\w.'-]*(?: [A-Z][\w.'-]*)+", row["question"])
        names = [name for name in shared if name in row["para_question"]]
        if rng.random() < 0.5 or not row["sub_question"]:
            yield Pair(rephrased, question, names=tuple(names)), 1.0
        else:
            yield Pair(rng.choice(row["sub_question"]), question, names=tuple(names)), 0.0


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
