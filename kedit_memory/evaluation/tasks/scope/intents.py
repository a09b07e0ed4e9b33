"""Intents as edits: some wordings of an intent are stored with a short answer, the others are asked.

A wording with a value of its own ("wake me at seven") asks for more than its intent, so that wordings with values are
left out; where a set marks the value, an intent is stored once a value, and the other values are hard negatives.
"""

import csv
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines
from kedit_memory.evaluation.tasks.scope.cases import (
    CALIBRATING,
    TEST,
    TRAINING,
    ScopeEdit,
    ScopeSet,
    SetBuilder,
    part_by_hash,
)
from kedit_memory.evaluation.tasks.scope.doubts import doubted
from kedit_memory.evaluation.tasks.scope.nearest import NearestTexts, words

Numbers = npt.NDArray[np.float32]

# Intents of HWU64 that are many questions (a definition of anything) or none (praise): asked, never stored.
_WIDE = frozenset(
    {
        "alarm_set", "calendar_set", "cooking_recipe", "datetime_convert", "email_addcontact", "email_querycontact",
        "email_sendemail",
        "general_affirm", "general_confirm", "general_dontcare", "general_negate", "general_praise", "general_quirky",
        "lists_createoradd", "lists_remove", "music_query", "music_settings", "play_audiobook", "play_game",
        "play_music", "play_podcasts", "qa_currency", "qa_definition", "qa_factoid", "qa_maths", "qa_stock",
        "recommendation_locations", "recommendation_movies", "social_post", "social_query", "takeaway_order",
        "takeaway_query",
        "transport_query", "transport_ticket",
    }
)  # fmt: skip
# Of Bitext, intents that hold opposites.
_MIXED = frozenset({"change_order", "newsletter_subscription", "delivery_options"})
_VALUE = re.compile(
    r"\d|[$£€#]|\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thir\w+|fif\w+|twent\w+|hundred|"
    r"half|quarter|noon|midnight|o'?clock|am|pm|[ap]\. ?m|\w{3,6}day|january|february|march|april|june|july|august|"
    r"september|october|november|december|today\w*|tomorrow\w*|tonight\w*|yesterday\w*|morning|afternoon|evening|"
    r"nights?|weekend|weeks?|months?|years?|hours?|minutes?|seconds|days?|red|blue|green|yellow|pink|purple|orange|"
    r"white)\b",
    re.IGNORECASE,
)
# Rooms, firms and a device's name, which HWU64 does not mark.
_NAMED = re.compile(
    r"\b(kitchen|bed ?rooms?|bath ?room|living|hall\w*|garage|garden|patio|porch|lounge|basement|facebook|twitter|"
    r"instagram|google|amazon|uber|bbc|cnn|fox|train|bus|olly|john|mike|sam|tom|mary|smith|sports|work|chicago|"
    r"new york|trump|london|india|california|china|est|eastern|central|pacific)\b",
    re.IGNORECASE,
)
# What a question of no assistant at home says nothing of.
_AT_HOME = re.compile(
    r"\b(alarms?|cabs?|calendar|coffee|date|emails?|events?|jokes?|lights?|lists?|mails?|mute|news|outlet|plug|radio|"
    r"socket|taxi|time is it|traffic|vacuum|volume|weather)\b",
    re.IGNORECASE,
)
_JOINING = re.compile(r"\b(?:in|from|to|for|about|with|of|at|by|near|named|called|between) ([a-z']+)")
_COMMON = 12  # intents that a word must be in to say nothing about a value
_OFFENSIVE, _PERSON = "W", re.compile(r"\bfor (?:my |our |the )?\w+$")
CUSTOMERS = "customers"  # the intents of several sets in one store
_STORED = 4  # wordings
_JUDGED = 20  # wordings of an intent, on average, from which on one is judged by the others
_RANKS = 3  # of intents that a wording looks like, among which its own must be
_UNSEEN = 0.05  # wordings that a word is taken to be in beside those it is in
_FEW_BARE = 10  # wordings without a value that an intent with values may have: they are left out, else the values are
_STRANGERS = 8  # unrelated questions for each edit
_FEWEST = 2  # wordings to ask beside the stored ones
_ANSWERS = (
    "Open the app and choose Settings.", "Please call the desk on 555-0123.",
    "A member of our team can do that for you.",
    "It takes two steps, both under Services.", "Yes, this is possible at any time.",
    "The guide on our pages shows how.",
    "On {}: see chapter four of the handbook.", "All about {} stands in the help centre.",
    "Write to {} at help.example.org.", "For {} press the round button twice.",
)  # fmt: skip
_PLACES = {  # what stands where a response of Bitext names a place by its kind
    "phone": "555-0123", "availability": "Monday to Friday, 9 to 17", "hours": "Monday to Friday, 9 to 17",
    "email": "help@shop.example", "website": "shop.example", "url": "shop.example", "company": "Larkfield",
    "days": "five", "timeframe": "five days",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Intent:
    """An intent, or what it is about a value, with all wordings that may be asked; `answer` is the edit's.

    `typical` are those that may be stored, or asked where the intent is not.
    """

    dataset: str
    name: str
    wordings: tuple[str, ...]
    answer: str
    value: str = ""
    stored: bool = True
    trains: bool = True
    typical: tuple[str, ...] = ()

    @property
    def part(self) -> str:
        """The part that it belongs to, with all its values."""
        return part_by_hash(f"{self.dataset}: {self.name}", trains=self.trains)


def intents_set(name: str, data: Path | None, *, seed: int = 1, wordings: int = _STORED) -> ScopeSet:
    """The intents of a name in `_SETS`, each with so many wordings stored; the questions of others are strangers."""
    readers, others = _SETS[name]
    intents = [one for read in readers for one in read(data)]
    strangers = _strangers(data, [one for read in others for one in read(data)])
    return _built(name, intents, strangers, wordings=wordings, seed=seed)


def _built(
    name: str,
    intents: Sequence[Intent],
    strangers: Mapping[str, Sequence[str]],
    *,
    wordings: int,
    seed: int,
) -> ScopeSet:
    """The set of some intents; `strangers` are questions of other sets, by the part that they are asked in."""
    builder = SetBuilder(name if wordings == _STORED else f"{name}_one_wording", seed)
    kept = _with_certain_wordings(_with_own_wordings(intents))
    held = _chosen(kept, builder, wordings=wordings)
    places: dict[str, list[int]] = defaultdict(list)
    for intent in held:
        stored = builder.rng.sample(intent.typical, wordings)
        edit = ScopeEdit(
            prompt=stored[0],
            paraphrases=tuple(stored[1:]),
            target=intent.answer,
            relation=intent.name,
            subject=_spelt(intent.value, stored[0]),
            part=intent.part,
        )
        place = builder.add(edit)
        if place is None:
            continue
        places[intent.name].append(place)
        for wording in intent.wordings:
            builder.case("other_wording", place, None if wording in stored else wording, covered=True)
    _refuse(builder, [intent for intent in kept if intent not in held], places)
    for place, edit in enumerate(builder.edits):
        pool = strangers[edit.part]
        for text in builder.rng.sample(pool, min(_STRANGERS, len(pool))):
            builder.case("unrelated", place, text, covered=False)
    return builder.finished()


def _spelt(value: str, text: str) -> str:
    """A value as a text that holds it spells it."""
    start = text.casefold().find(value.casefold())
    return text[start : start + len(value)]


def _refuse(builder: SetBuilder, intents: Sequence[Intent], places: Mapping[str, Sequence[int]]) -> None:
    """Cases of the intents that are not stored; `places` are those of the stored edits by the name of their intent."""
    near = NearestTexts([(edit.prompt, *edit.paraphrases) for edit in builder.edits])
    for intent in intents:
        fellows = places.get(intent.name, ())
        others = [place for place, edit in enumerate(builder.edits) if edit.part == intent.part]
        close = [place for other, held in places.items() if doubted(other, intent.name) for place in held]
        if any(builder.edits[place].subject.casefold() == intent.value.casefold() for place in close):
            continue
        for wording in intent.typical:
            if fellows:
                builder.case("other_value", builder.rng.choice(fellows), wording, covered=False)
            elif others:
                builder.case("another_intent", near.among(others, wording), wording, covered=False)


def _chosen(intents: Sequence[Intent], builder: SetBuilder, *, wordings: int) -> list[Intent]:
    """The intents that are stored: half of each part's, as far as they may be, and of each the half of its values."""
    names: dict[str, dict[str, list[Intent]]] = defaultdict(lambda: defaultdict(list))
    for intent in intents:
        able = intent.stored and len(intent.typical) >= wordings + _FEWEST
        names[intent.part][intent.name] += [intent] if able else []
    held = []
    for by_name in names.values():
        able_names = sorted(name for name, values in by_name.items() if values)
        for name in builder.rng.sample(able_names, min(math.ceil(len(by_name) / 2), len(able_names))):
            held += builder.rng.sample(by_name[name], math.ceil(len(by_name[name]) / 2))
    return held


def _with_own_wordings(intents: Iterable[Intent]) -> list[Intent]:
    """The intents without the wordings that another one has too."""
    found = list(intents)
    owners = Counter(text.casefold() for intent in found for text in {w.casefold() for w in intent.wordings})
    return [
        replace(
            intent, wordings=tuple({w.casefold(): w for w in intent.wordings if owners[w.casefold()] == 1}.values())
        )
        for intent in found
    ]


def _with_certain_wordings(intents: Sequence[Intent]) -> list[Intent]:
    """The intents without wordings that look like three others rather; typical are those that look like no other.

    People label intents with a few per cent of errors. What a wording looks like is told by a naive Bayes of its
    words, without the wording itself. Of small intents all wordings are typical: too few to judge by.
    """
    sizes: Counter[str] = Counter()
    held: dict[str, Counter[str]] = defaultdict(Counter)  # by word, wordings of each intent
    for intent in intents:
        sizes[intent.name] += len(intent.wordings)
        for wording in intent.wordings:
            for word in set(words(wording)):
                held[word][intent.name] += 1
    names = sorted(name for name, size in sizes.items() if size)
    if sum(sizes.values()) < _JUDGED * len(names):
        return [replace(intent, typical=intent.wordings) for intent in intents]
    counts = {word: np.array([found[name] for name in names], np.float32) for word, found in held.items()}
    totals = np.array([sizes[name] for name in names], np.float32)
    found = []
    for intent in intents:
        own = names.index(intent.name) if intent.wordings else 0
        ranks = {wording: _rank(wording, own, counts, totals) for wording in intent.wordings}
        certain = tuple(wording for wording, rank in ranks.items() if rank < _RANKS)
        typical = tuple(wording for wording in certain if ranks[wording] == 0)
        found.append(replace(intent, wordings=certain, typical=typical))
    return found


def _rank(wording: str, own: int, counts: Mapping[str, Numbers], totals: Numbers) -> int:
    """How many intents a wording looks like rather than its own; `counts` has that of each intent, by word."""
    itself = np.zeros_like(totals)
    itself[own] = 1
    size = np.log(totals - itself + 2 * _UNSEEN)
    score = sum(np.log(counts[word] - itself + _UNSEEN) - size for word in set(words(wording)))
    return int(np.sum(score > np.asarray(score)[own])) if words(wording) else 0


def _intent(dataset: str, name: str, texts: Iterable[str], *, answer: str = "", topic: str = "", **more: Any) -> Intent:
    """The intent of some texts, each in one line and once; its answer is made up where the set gives none."""
    wordings = tuple(dict.fromkeys(" ".join(text.split()) for text in texts))
    return Intent(
        dataset=dataset, name=name, wordings=wordings, answer=answer or _answer(name, topic or _spoken(name)), **more
    )


def _answer(name: str, topic: str) -> str:
    """An answer to an intent of which the set gives none."""
    return _ANSWERS[sum(name.encode()) % len(_ANSWERS)].format(topic)


def _spoken(label: str) -> str:
    return label.removeprefix("iot_").replace("_", " ").replace("hue ", "").casefold()


def _strangers(data: Path | None, trained: Iterable[Intent]) -> dict[str, list[str]]:
    """What no edit of a set covers, by part: the questions of other sets where training takes place.

    Else those of ROSTD (Gangal et al. 2020) and NQ-open (Kwiatkowski et al. 2019).
    """
    rows = (folder_of(data, "rostd_ood") / "OODrelease.tsv").read_text("utf-8").splitlines()
    natural = read_json(folder_of(data, "nq_open") / "nq_open_validation.json")
    outside = [row.split("\t")[2] for row in rows] + [row["question"] for row in natural]
    outside = [text for text in outside if not _AT_HOME.search(text)]
    texts = [text for one in trained if one.part == TRAINING for text in one.wordings]
    return {TRAINING: texts, CALIBRATING: outside, TEST: outside}


def _labelled(folder: Path) -> dict[str, list[str]]:
    """The lines of a set by their label, of all its splits; blanks are made one."""
    found: dict[str, list[str]] = defaultdict(list)
    for split in ("train", "valid", "test"):
        texts = (folder / split / "seq.in").read_text("utf-8").splitlines()
        labels = (folder / split / "label").read_text("utf-8").splitlines()
        for text, label in zip(texts, labels, strict=True):
            found[label].append(" ".join(text.split()))
    return found


@cache
def _hwu64(data: Path | None) -> tuple[Intent, ...]:
    """HWU64 (Liu et al. 2019): commands and questions to an assistant at home, without those that hold a value."""
    found = _labelled(folder_of(data, "hwu64"))
    spread = Counter(word for texts in found.values() for word in {w for text in texts for w in words(text)})
    common = {word for word, count in spread.items() if count >= _COMMON}

    def plain(text: str) -> bool:
        joined = _JOINING.findall(text.casefold())
        return not _VALUE.search(text) and not _NAMED.search(text) and common.issuperset(joined)

    return tuple(
        _intent("hwu64", label, _often_worded(texts, plain), stored=label not in _WIDE)
        for label, texts in sorted(found.items())
    )


def _often_worded(texts: Iterable[str], plain: Callable[[str], bool]) -> tuple[str, ...]:
    """The plain texts of an intent, each once, whose words another one of them has too."""
    kept = [text for text in dict.fromkeys(texts) if plain(text)]
    counts = Counter(word for text in kept for word in set(words(text)))
    return tuple(text for text in kept if all(counts[word] > 1 for word in words(text)))


@cache
def _snips(data: Path | None) -> tuple[Intent, ...]:
    """SNIPS (Coucke et al. 2018): nearly every wording holds a name, so that its intents are asked and not stored."""
    found = _labelled(folder_of(data, "snips"))
    return tuple(_intent("hwu64", label, texts, stored=False) for label, texts in sorted(found.items()))


@cache
def _banking77(data: Path | None) -> tuple[Intent, ...]:
    """BANKING77 (Casanueva et al. 2020), its training half: close intents of a bank's customers."""
    with (folder_of(data, "banking77_train") / "train.csv").open(encoding="utf-8", newline="") as lines:
        found: dict[str, list[str]] = defaultdict(list)
        for row in csv.DictReader(lines):
            text = " ".join(row["text"].split())
            if not _VALUE.search(text):
                found[row["category"]].append(text)
    return tuple(_intent("snips", label, texts) for label, texts in sorted(found.items()))


@cache
def _bitext(data: Path | None) -> tuple[Intent, ...]:
    """Bitext's customer support: an intent is stored once for each order, invoice, account or place it names."""
    rows = read_json_lines(folder_of(data, "bitext_customer_support") / "bitext_third.jsonl")
    found: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        text, value = row["instruction"], row["entity_value"].strip()
        named = value != "free" and (value.casefold() in text.casefold() if value else not _VALUE.search(text))
        if named and row["intent"] not in _MIXED and _OFFENSIVE not in row["tags"] and not _PERSON.search(text):
            found[row["intent"], value].append(row)
    bare = {name for (name, value), held in found.items() if not value and len(held) > _FEW_BARE}
    found = {(name, value): held for (name, value), held in found.items() if (name in bare) != bool(value)}
    return tuple(
        _intent(
            "bitext", name, (row["instruction"] for row in rows), value=value,
            answer=_response([row["response"] for row in rows], value),
        )
        for (name, value), rows in sorted(found.items())
    )  # fmt: skip


def _response(texts: Iterable[str], value: str) -> str:
    """The first sentences of the first response that holds no other number than the value; empty where all do."""
    for text in texts:
        short = " ".join(re.split(r"(?<=[.!?:])\s", " ".join(text.split()))[:2])
        if not re.search(r"\d", short.replace(value, "") if value else short) and not short.endswith(":"):
            return re.sub(r"\{\{(.*?)\}\}", lambda found: _place(found[1], value), short)
    return ""


def _place(named: str, value: str) -> str:
    """What stands for a placeholder: the value for a number of an order or a bill, else the name of a page."""
    kind = next((word for word in words(named) if word in _PLACES), "")
    if re.search(r"anonymi[sz]ed|number|\d", named, re.IGNORECASE) and not kind:
        return value or named
    return _PLACES.get(kind, named)


@cache
def _covid_q(data: Path | None) -> tuple[Intent, ...]:
    """COVID-Q (Wei et al. 2020): questions that have one answer; for measuring only."""
    with (folder_of(data, "covid_q") / "final_master_dataset.csv").open(encoding="utf-8", newline="") as lines:
        found: dict[str, list[Mapping[str, str]]] = defaultdict(list)
        for row in csv.DictReader(lines):
            found[row["Question ID"]].append(row)
    return tuple(
        _intent(
            "covid_q", label, (row["Question"] for row in rows), answer=_first_sentence(rows), topic="the virus",
            trains=False,
        )
        for label, rows in sorted(found.items())
    )  # fmt: skip


def _first_sentence(rows: Iterable[Mapping[str, str]]) -> str:
    """The first sentence of the first answer that some rows have."""
    answer = next((row["Answers"] for row in rows if row["Answers"].strip()), "")
    return re.split(r"(?<=[.!?])\s", " ".join(answer.split()))[0]


# What reads the intents of a set, and those whose questions are asked of it as a stranger's in training.
_Readers: TypeAlias = tuple[Callable[[Path | None], tuple[Intent, ...]], ...]
_SETS: Mapping[str, tuple[_Readers, _Readers]] = {
    "hwu64": ((_hwu64,), (_banking77, _bitext)),
    "banking77": ((_banking77,), (_hwu64, _snips)),
    "bitext": ((_bitext,), (_hwu64, _snips)),
    "covid_q": ((_covid_q,), ()),
    CUSTOMERS: ((_hwu64, _banking77, _bitext), (_snips,)),  # in one store
}
INTENTS: Mapping[str, Callable[..., ScopeSet]] = {
    f"{name}{ending}": partial(intents_set, name, wordings=wordings)
    for name in _SETS
    if name != CUSTOMERS
    for ending, wordings in (("", _STORED), ("_one_wording", 1))
}
