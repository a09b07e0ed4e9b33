"""Edits and questions in many languages, for measuring alone: asked in the edit's own language, or across.

A kind names the languages: `same_de` is a question in German about a German edit in other words, `from_en_de` a
question in German about an English edit, `other_de` and `other_en_de` such questions that no edit covers. Questions
about statements have `statement_` before that. Each thing is stored in one language only.
"""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.evaluation.datasets import mlake, mzsre
from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines, read_text
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeEdit, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.paragraphs import Asked, answering, cut, holds, stands_alone
from kedit_memory.shipped import languages_folder
from kedit_memory.words import words

ENGLISH = "en"
LANGUAGES = (ENGLISH, "ar", "de", "es", "fr", "hi", "ja", "ko", "ru", "zh")  # what is asked, of more that the sets have
_ASIDE = 0.3  # of the edits are not stored, and their questions asked
_IN_ENGLISH = 0.5  # of the paragraphs that may be stored in English are
_LOOKED_AT = 150  # of what is kept aside, of which the nearest is asked
_STORED = 2  # sentences of a paragraph at most
_SHORTEST, _LONGEST = 20, 400  # characters of a statement
_CLUSTER = 10  # Korean wordings of one thing
_PARAPHRASES = 3  # of a cluster are stored with the first
_QUESTIONS = frozenset({"0", "1"})  # the acts of a cluster that ask: of two things which, and all other questions
_SAME_WORDS = 0.5  # of the shorter of two questions with one answer: they ask the same
_CITIES = 133
_LATIN_NAMES = frozenset({ENGLISH, "de", "es", "fr"})  # languages that CLDR gives no name where it is the English one
_MADE_UP = ("Wendle", "Ottoline Brask", "Orrin", "Tobias Lindqvist", "Ashby Quay", "Vane & Moll", "Marl", "Hesper")


@dataclass(frozen=True, kw_only=True)
class Meant:
    """One thing that can be asked, in the wordings of each language, with its answers where the set has them.

    `unit` decides its part. `paraphrases` of its other wordings are stored with the first.
    """

    unit: str
    wordings: Mapping[str, Sequence[str]]
    answers: Mapping[str, str]
    paraphrases: int = 0


def languages_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """XQuAD, MLaKE, MzsRE, Mintaka, QALD-9-plus and ParaKQC.

    Artetxe et al. 2020, Wei et al. 2024, Wang et al. 2023, Sen et al. 2022, Perevalov et al. 2022, Cho et al. 2020. Of
    the last two the answers are made up: they have none.
    """
    builder = SetBuilder("languages", seed)
    for found in (
        list(_mlake(data)),
        list(_mzsre(data)),
        _once(_mintaka(data)),
        list(_qald(data)),
        list(_parakqc(data)),
    ):
        _add(builder, found)
    _add_statements(builder, data)
    return builder.finished()


def same_questions(data: Path) -> dict[str, list[Meant]]:
    """Questions in several languages, by their set: those of sets whose licence lets thresholds be shipped.

    Those of XQuAD, Mintaka, QALD-9-plus and ParaKQC, and questions of our own about cities, of which many are alike but
    for the name.
    """
    return {
        "XQuAD": _once(_xquad(data)),
        "Mintaka": _once(_mintaka(data)),
        "QALD-9-plus": list(_qald(data)),
        "ParaKQC": list(_parakqc(data)),
        "cities": list(cities()),
    }


def _once(found: Iterable[Meant]) -> list[Meant]:
    """Those that do not ask again what an earlier one did: with its answer and most of its words."""
    asked: dict[str, list[set[str]]] = defaultdict(list)
    kept = []
    for one in found:
        own, before = {*words(one.wordings[ENGLISH][0])}, asked[one.answers[ENGLISH].casefold()]
        if not any(len(own & other) >= _SAME_WORDS * min(len(own), len(other)) for other in before):
            kept.append(one)
        before.append(own)
    return kept


def _add(builder: SetBuilder, found: Sequence[Meant]) -> None:
    """Store most of a set, each in one language, and ask for the rest beside what is stored."""
    chosen = builder.rng.sample(found, len(found))
    out = round(_ASIDE * len(chosen))
    aside: dict[str, list[Meant]] = defaultdict(list)
    for one in chosen[:out]:
        aside[part_by_hash(one.unit, trains=False)].append(one)
    for one in chosen[out:]:
        part = part_by_hash(one.unit, trains=False)
        _store(builder, one, part, aside[part])


def _store(builder: SetBuilder, one: Meant, part: str, aside: Sequence[Meant]) -> None:
    """A thing in a language that has two wordings of it, or in English; the latter is asked in all languages."""
    rng = builder.rng
    several = [language for language, texts in one.wordings.items() if language != ENGLISH and len(texts) > 1]
    stored = rng.choice((*several, ENGLISH)) if ENGLISH in one.wordings else rng.choice(several)
    first, *rest = one.wordings[stored]
    answer = one.answers.get(stored) or rng.choice(_MADE_UP)
    paraphrases, rest = tuple(rest[: one.paraphrases]), rest[one.paraphrases :]
    edit = builder.add(ScopeEdit(prompt=first, target=answer, part=part, paraphrases=paraphrases))
    if edit is None:
        return
    asked = _asked_in(stored, one.wordings)
    for language in asked:
        for text in rest if language == stored else one.wordings[language]:
            builder.case(_kind("same", "from", stored, language), edit, text, covered=True)
    if aside:
        nearest = max(rng.sample(aside, min(_LOOKED_AT, len(aside))), key=_likeness(one, stored))
        for language in asked:
            if texts := nearest.wordings.get(language):
                builder.case(_kind("other", "other", stored, language), edit, rng.choice(texts), covered=False)


def _asked_in(stored: str, having: Iterable[str]) -> list[str]:
    """The languages in which an edit is asked: its own, and of an English one all others."""
    return [language for language in having if language == stored or (stored == ENGLISH and language in LANGUAGES)]


def _likeness(one: Meant, language: str) -> Callable[[Meant], int]:
    """How many words another thing shares with one in the language in which that is stored."""
    own = {*words(one.wordings[language][0])}
    return lambda other: len(own & {*words(next(iter(other.wordings.get(language, ())), ""))})


def _kind(same: str, across: str, stored: str, asked: str) -> str:
    return f"{same}_{asked}" if stored == asked else f"{across}_{stored}_{asked}"


def _mlake(data: Path) -> Iterator[Meant]:
    """The single questions of MLaKE, with the answers after the edit; a line of each file asks for one thing."""
    for by_language in mlake.single_hop(folder_of(data, "mlake"), (ENGLISH, "de", "zh")):
        yield Meant(
            unit=by_language[ENGLISH]["question"],
            wordings={language: (row["question"].strip(),) for language, row in by_language.items()},
            answers={language: row["e_answer"] for language, row in by_language.items()},
        )


def _mzsre(data: Path) -> Iterator[Meant]:
    """MzsRE's questions and rephrasings; the rows of its files are the same in each."""
    seen: set[str] = set()
    for by_language in mzsre.rows(folder_of(data, "mzsre"), ("de", "fr", "zh")):
        unit = by_language[ENGLISH]["subject"]
        if unit not in seen:  # a subject comes twice, with two answers
            seen.add(unit)
            yield Meant(
                unit=unit,
                wordings={
                    language: tuple(dict.fromkeys((row["src"].strip(), row["rephrase"].strip())))
                    for language, row in by_language.items()
                },
                answers={language: row["alt"] for language, row in by_language.items()},
            )


def _mintaka(data: Path) -> Iterator[Meant]:
    for row in read_json_lines(folder_of(data, "mintaka_dev") / "mintaka_dev_text.jsonl"):
        texts = {ENGLISH: row["question"]} | row["translations"]
        yield Meant(
            unit=row["question"],
            wordings={name: (texts[name].strip(),) for name in LANGUAGES if (texts.get(name) or "").strip()},
            answers={ENGLISH: str(row["answer"]["mention"] or "")},
        )


def _qald(data: Path) -> Iterator[Meant]:
    for row in read_json_lines(folder_of(data, "qald9_plus") / "qald9_plus_test_text.jsonl"):
        wordings: dict[str, list[str]] = defaultdict(list)
        for one in row["question"]:
            if one["language"] in LANGUAGES and one["string"].strip() not in wordings[one["language"]]:
                wordings[one["language"]].append(one["string"].strip())
        yield Meant(unit=wordings[ENGLISH][0], wordings=wordings, answers={})


def _parakqc(data: Path) -> Iterator[Meant]:
    """Clusters of ten Korean wordings, one after the other; commands are left out."""
    rows = [line.split("\t") for line in read_text(folder_of(data, "parakqc") / "paraKQC_v1.txt").splitlines()]
    for start in range(0, len(rows), _CLUSTER):
        cluster = rows[start : start + _CLUSTER]
        if cluster[0][1] in _QUESTIONS:
            texts = [text.strip() for *_, text in cluster]
            yield Meant(unit=texts[0], wordings={"ko": texts}, answers={}, paraphrases=_PARAPHRASES)


def _xquad(data: Path) -> Iterator[Meant]:
    """XQuAD's questions, in the part of their article."""
    for paragraph in _paragraphs(data):
        for name, one in paragraph.asked[ENGLISH].items():
            wordings = {
                language: (found[name].question,) for language, found in paragraph.asked.items() if name in found
            }
            yield Meant(unit=paragraph.article, wordings=wordings, answers={ENGLISH: one.answers[0]})


def cities() -> Iterator[Meant]:
    """Questions about a city, with names of cities that CLDR has in all languages; a question's part is that of all."""
    from babel import Locale

    held: dict[str, dict[str, str]] = {
        language: {
            str(zone): str(told["city"]) for zone, told in Locale.parse(language).time_zones.items() if "city" in told
        }
        for language in LANGUAGES
    }
    telling = [language for language in LANGUAGES if language not in _LATIN_NAMES]
    zones = [zone for zone in sorted(held[telling[0]]) if all(zone in held[language] for language in telling)]
    chosen = random.Random("cities").sample([zone for zone in zones if zone.count("/") == 1], _CITIES)  # noqa: S311
    for unit, asked in json.loads((languages_folder() / "questions.json").read_text("utf-8")).items():
        for zone in chosen:
            english = zone.rpartition("/")[2].replace("_", " ")
            names = {language: held[language].get(zone, english) for language in LANGUAGES}
            wordings = {language: (asked[language].format(names[language]),) for language in LANGUAGES}
            yield Meant(unit=unit, wordings=wordings, answers={})


@dataclass(frozen=True, kw_only=True)
class _Paragraph:
    """A paragraph in the languages that have it: its sentences, and its questions by the name they share."""

    article: str
    found: Mapping[str, list[str]]
    asked: Mapping[str, Mapping[str, Asked]]


def _add_statements(builder: SetBuilder, data: Path) -> None:
    """Sentences of XQuAD. English ones of articles that the reader was trained on are not stored."""
    for one in _paragraphs(data):
        trained = part_by_hash(one.article, trains=True) == TRAINING
        in_english = not trained and builder.rng.random() < _IN_ENGLISH
        others = [language for language in one.found if language != ENGLISH]
        _add_paragraph(builder, one, ENGLISH if in_english else builder.rng.choice(others))


def _add_paragraph(builder: SetBuilder, one: _Paragraph, stored: str) -> None:
    """One or two sentences of a paragraph, and all questions that one sentence answers."""
    found, part = one.found[stored], part_by_hash(one.article, trains=False)
    answered: dict[int, list[str]] = defaultdict(list)  # by the place of a sentence, the names of questions
    for name, asked in one.asked[stored].items():
        place = _answering(asked, found, stored)
        if place is not None:
            answered[place].append(name)
    usable = [place for place in answered if _usable(found[place], stored)]
    edits: dict[int, int] = {}
    for place in builder.rng.sample(usable, min(_STORED, len(usable), max(1, len(answered) - 1))):
        edit = builder.add(ScopeEdit(prompt=found[place], target=found[place], part=part))
        if edit is not None:
            edits[place] = edit
    for place, name in ((place, name) for place, names in answered.items() for name in names):
        answers = one.asked[stored][name].answers
        if place in edits:
            _ask(builder, one, stored, name, edits[place], covered=True)
        elif edits and not any(_holds(found[kept], answers, stored) for kept in edits):
            _ask(builder, one, stored, name, builder.rng.choice(list(edits.values())), covered=False)


def _ask(builder: SetBuilder, one: _Paragraph, stored: str, name: str, edit: int, *, covered: bool) -> None:
    """A question in every language in which the edit is asked."""
    for language in _asked_in(stored, one.asked):
        kind = _kind("same", "from", stored, language) if covered else _kind("other", "other", stored, language)
        builder.case(f"statement_{kind}", edit, one.asked[language][name].question, covered=covered)


def _paragraphs(data: Path) -> Iterator[_Paragraph]:
    folder = folder_of(data, "xquad_ml")
    paths = {ENGLISH: folder_of(data, "squad") / "xquad.en.json"} | {
        path.name.split(".")[1]: path for path in sorted(folder.glob("xquad.*.json"))
    }
    texts: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    asked: dict[tuple[str, int], dict[str, dict[str, Asked]]] = defaultdict(dict)
    for language, path in paths.items():
        for article in read_json(path)["data"]:
            for number, paragraph in enumerate(article["paragraphs"]):
                key = (article["title"], number)
                texts[key][language] = paragraph["context"]
                asked[key][language] = {
                    row["id"]: Asked(
                        question=row["question"].strip(), answers=tuple(answer["text"] for answer in row["answers"])
                    )
                    for row in paragraph["qas"]
                }
    for (article_title, number), by_language in texts.items():
        yield _Paragraph(
            article=article_title,
            found={language: cut(text) for language, text in by_language.items()},
            asked=asked[article_title, number],
        )


def _usable(sentence: str, language: str) -> bool:
    """Whether a sentence can be a statement; what points at the sentence before it is known of English alone."""
    return stands_alone(sentence) if language == ENGLISH else _SHORTEST <= len(sentence) <= _LONGEST


def _answering(asked: Asked, found: Sequence[str], language: str) -> int | None:
    if language == ENGLISH:
        return answering(asked, found)
    places = [n for n, sentence in enumerate(found) if _holds(sentence, asked.answers, language)]
    return places[0] if len(places) == 1 else None


def _holds(sentence: str, answers: Sequence[str], language: str) -> bool:
    """Whether an answer stands in a sentence; of other languages than English letter by letter."""
    if language == ENGLISH:
        return holds(sentence, answers)
    return any(answer.casefold() in sentence.casefold() for answer in answers)
