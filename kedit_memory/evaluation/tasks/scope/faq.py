"""Questions and answers of places as edits: the same question in other words, of another place, of another matter.

Titles of DSTC9 are brought together by what they ask for. Only a title all of whose words belong to one matter counts
as asking for it; the others are left out, since a wrong pair would teach the reader worse than none.
"""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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
from kedit_memory.evaluation.tasks.scope.nearest import NearestTexts

YES, WHAT, WHEN, COST, HOW = "yes or no", "what", "when", "cost", "how"
_ANY = frozenset({YES, WHAT, WHEN, COST, HOW})
# Words that say nothing about what is asked for.
_EMPTY = frozenset(
    {
        "a", "accept", "accepted", "all", "allow", "allowed", "also", "an", "and", "any", "are", "as", "at",
        "available", "be", "by", "can", "come", "could", "customer", "customers", "did", "do", "does", "during",
        "establishment", "for", "from", "get", "good", "greetings", "guest", "guests", "guys", "had", "has", "have",
        "having", "hello", "here", "hey", "hi", "hostel", "hotel", "how", "i", "if", "in", "inn", "inquire",
        "interested", "is", "it", "its", "just", "know", "let", "like", "location", "me", "my", "of", "offer",
        "offered", "offers", "on", "one", "onsite", "or", "our", "people", "permit", "permitted", "place", "please",
        "possible", "property", "provide", "provided", "provides", "restaurant", "s", "serve", "served", "serves",
        "service", "services", "site", "so", "some", "someone", "take", "taken", "tell", "that", "the", "their", "them",
        "there", "these", "they", "this", "to", "us", "use", "visit", "want", "we", "what", "what's", "when", "which",
        "while", "who", "will", "with", "wondering", "would", "yes", "you", "your",
    }
)  # fmt: skip
_ONE_WORD = (
    (r"\bcheck(ing)?[ -]?in\b", "checkin"), (r"\bcheck(ing)?[ -]?out\b", "checkout"), (r"\bwi[- ]?fi\b", "wifi"),
    (r"\btake[ -]?(out|away)\b", "takeout"), (r"\bt\.?v\.?'?s?\b|\btelevisions?\b", "tv"),
    (r"\bair[ -]?condition(ed|ing)?\b|\ba/c\b", "aircon"), (r"\bdrive[ -]?thr(u|ough)\b", "drivethru"),
    (r"\bhigh ?-?chairs?\b", "highchair"), (r"\bfitness (center|centre|room)\b|\bgym\b", "gym"),
    (r"\bdry[ -]?clean(ing|ed)?\b", "drycleaning"), (r"\bfront[ -]?desk\b", "frontdesk"), (r"\ba park\b", "lawn"),
    (r"-", " "),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What a title asks for: each of `words` must stand in it, of those parted by a bar one; `may` are others."""

    words: tuple[str, ...]
    may: str = ""
    asked: frozenset[str] = frozenset({YES})


_SHAPES = frozenset(
    {"how", "much", "what", "which", "when", "time", "free", "cost", "like", "good", "great", "ok", "okay"}
)
_ROOM, _PAY = "room rooms", "payment payments method methods option options form using"
_FOOD = "options option food foods menu dishes dish meals meal items friendly"
MATTERS: Mapping[str, Matter] = {
    "wifi": Matter(words=("wifi|wireless|internet",), may="access connection internet"),
    "price of wifi": Matter(words=("wifi|wireless|internet",), may="access cost costs charge", asked=frozenset({COST})),
    "parking": Matter(words=("parking|park",), may="car cars vehicle vehicles space spaces spot spots lot"),
    "price of parking": Matter(words=("parking|park",), may="cost costs charge car cars", asked=frozenset({COST})),
    "bike parking": Matter(words=("bike|bikes|bicycle|bicycles", "parking|park"), may="spot spots space spaces area"),
    "street parking": Matter(words=("street", "parking|park")),
    "outdoor seating": Matter(words=("outdoor|outside|patio", "seating|seats|seat|tables"), may="area option options"),
    "reservations": Matter(words=("reservation|reservations",), may="make"),
    "delivery": Matter(words=("delivery|deliver|delivers",), may="order orders food option options"),
    "take-out": Matter(words=("takeout",), may="order orders ordering food option options"),
    "drive-through": Matter(words=("drivethru",), may="window"),
    "Apple Pay": Matter(words=("apple", "pay"), may=_PAY),
    "Google Pay": Matter(words=("google", "pay"), may=_PAY),
    "cryptocurrency": Matter(words=("cryptocurrency|cryptocurrencies|bitcoin",), may=_PAY),
    "credit cards": Matter(words=("credit", "card|cards"), may=f"{_PAY} pay"),
    "ways to pay": Matter(words=("payment|payments",), may=f"{_PAY} type types kind kinds", asked=frozenset({WHAT})),
    "groups": Matter(words=("group|groups",), may="large big accommodate suitable"),
    "television": Matter(words=("tv",), may="watch tvs"),
    "alcohol": Matter(words=("alcohol|alcoholic",), may="drinks beverages drink"),
    "beer and wine": Matter(words=("beer", "wine")),
    "happy hour": Matter(words=("happy", "hour|hours"), may="special specials"),
    "children": Matter(words=("kid|kids|children|child",), may="friendly bring suitable appropriate"),
    "high chairs": Matter(words=("highchair",), may="kid kids children child baby babies"),
    "dogs": Matter(words=("dog|dogs",), may="bring friendly"),
    "pets": Matter(words=("pet|pets",), may="bring friendly"),
    "wheelchairs": Matter(words=("wheelchair|wheelchairs",), may="accessible access accessibility"),
    "noise": Matter(words=("noise|noisy|loud",), may="level levels kind", asked=_ANY - {COST, WHEN}),
    "ambience": Matter(
        words=("ambience|ambiance|atmosphere",), may="kind type describe", asked=_ANY - {COST, WHEN, YES}
    ),
    "dress code": Matter(words=("dress", "code"), may="specific", asked=_ANY - {COST, WHEN}),
    "extra beds": Matter(words=("extra|additional", "bed|beds|cot|cots"), may=f"{_ROOM} request"),
    "check-in time": Matter(words=("checkin",), may="time times", asked=frozenset({WHEN})),
    "check-out time": Matter(words=("checkout",), may="time times", asked=frozenset({WHEN})),
    "lowest age": Matter(words=("minimum", "age"), may="checkin entry requirement", asked=_ANY - {COST, WHEN}),
    "concierge": Matter(words=("concierge",)),
    "dry cleaning": Matter(words=("drycleaning",)),
    "lift": Matter(words=("elevator|elevators|lift|lifts",)),
    "housekeeping": Matter(words=("housekeeping|maid",), may="daily"),
    "languages": Matter(words=("language|languages",), may="spoken speak staff type", asked=frozenset({WHAT})),
    "breakfast": Matter(words=("breakfast",)),
    "heating": Matter(words=("heated|heating|heat",), may=_ROOM),
    "air conditioning": Matter(words=("aircon",), may=_ROOM),
    "smoking": Matter(words=("smoking|smoke",)),
    "smoking area": Matter(words=("smoking", "area|areas"), may="designated"),
    "luggage": Matter(words=("luggage|baggage", "storage|store|stored"), may="bag bags"),
    "meetings": Matter(words=("meeting|meetings", "banquet|banquets"), may="facility facilities room rooms"),
    "shuttle": Matter(words=("shuttle|shuttles",)),
    "swimming pool": Matter(words=("pool|pools",), may="swimming"),
    "gym": Matter(words=("gym",)),
    "live music": Matter(words=("live", "music")),
    "vegan food": Matter(words=("vegan|vegans",), may=_FOOD),
    "vegetarian food": Matter(words=("vegetarian|vegetarians",), may=_FOOD),
    "food without gluten": Matter(words=("gluten",), may=_FOOD, asked=frozenset({YES, COST})),
    "opening hours": Matter(words=("hour|hours", "opening|operation|business"), asked=_ANY - {COST, YES}),
}
_KIND_OF_PLACE = re.compile(r"\b(hotel|restaurant|inn|hostel|bar|cafe|museum|store)s?\b", re.IGNORECASE)
_TURNS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    TRAINING: (
        (
            "I have heard about {}. Can you tell me more?",
            "{} is in the middle of the city. What would you like to know?",
        ),
        ("Please find something for the four of us.", "How about {}? It has room for you on that day."),
        ("We would like to go to {}.", "A good choice. Is there anything you want to know first?"),
        ("Do you know {}?", "Yes, many of our customers have been there."),
        ("Hello!", "Hello, what are you looking for?", "Where can we go on Sunday?", "I would go to {}."),
    ),
    CALIBRATING: (
        ("Which one do you recommend?", "You could try {}, people speak well of it."),
        ("I am thinking of {} for next week.", "I can look that up for you."),
    ),
    TEST: (
        ("My sister told me to look at {}.", "It is well known. What can I do for you?"),
        ("I need a place for Friday.", "There is still space at {}. Shall I book it?", "Wait please.", "Of course."),
        ("Is {} far from here?", "It is ten minutes on foot."),
    ),
}
_STORED = 0.5  # of the titles
_REWORDINGS = 2  # questions of each edit


@dataclass(frozen=True, kw_only=True)
class Title:
    """One question of a place with its answer; `matter` is what it asks for."""

    domain: str
    place: str
    text: str
    answer: str
    matter: str


def dstc9_faq_set(data: Path | None, *, seed: int = 1, wordings: int = 1) -> ScopeSet:
    """Questions about hotels, restaurants and sights of San Francisco (Kim et al. 2020), stored in some wordings.

    A question is asked in the words that the set has for it at other places. Those of Cambridge are left to DSTC11.
    """
    builder = SetBuilder("dstc9_faq", seed)
    book = _Book(_titles(data))
    drawn = _REWORDINGS + wordings
    able = [title for title in book.titles if len(book.forms[title.domain, title.matter]) >= drawn]
    stored = [title for title in able if builder.rng.random() < _STORED]
    book.held = {(title.place, title.matter) for title in stored}
    for title in stored:
        forms = builder.rng.sample(book.forms[title.domain, title.matter], drawn)
        first, *stored_too = (form.replace("{}", title.place) for form in forms[:wordings])
        named = title.place.casefold() in title.text.casefold()
        prompt = title.text if named else first
        edit = ScopeEdit(
            prompt=prompt,
            paraphrases=tuple(text for text in stored_too if text != prompt),
            target=title.answer,
            subject=title.place,
            relation=title.matter,
            part=part_by_hash(f"faq: {title.matter}", trains=True),
        )
        at = builder.add(edit)
        if at is not None:
            _ask(builder, book, at, title, forms[wordings:])
    return builder.finished()


def _ask(builder: SetBuilder, book: "_Book", at: int, title: Title, forms: Sequence[str]) -> None:
    """The cases of a stored title: other forms of it, of this place and another, and other matters of the place."""
    for form in forms:
        question = form.replace("{}", title.place)
        builder.case("rewording", at, None if question == builder.edits[at].prompt else question, covered=True)
        stranger = book.stranger(title, builder.rng)
        builder.case("another_place", at, stranger and form.replace("{}", stranger), covered=False)
    _ask_in_dialogue(builder, book, at, title)
    others = book.other_matters(title)
    for matter in builder.rng.sample(others, min(_REWORDINGS, len(others))):
        form = builder.rng.choice(book.forms[title.domain, matter])
        builder.case("another_matter", at, form.replace("{}", title.place), covered=False)


def _ask_in_dialogue(builder: SetBuilder, book: "_Book", at: int, title: Title) -> None:
    """The question without the name, after turns that name the place, and after turns that last name another."""
    bare, rng = book.bare[title.domain, title.matter], builder.rng
    stranger = book.stranger(title, rng)
    if not bare or not stranger:
        return
    for kind, last, before in (("turn", title.place, stranger), ("turn_elsewhere", stranger, title.place)):
        turns = _naming(last, builder.edits[at].part, rng)
        if rng.random() < 0.5:
            turns = (*_naming(before, builder.edits[at].part, rng), *turns)
        builder.case(kind, at, rng.choice(bare), covered=last == title.place, turns=turns)


def _naming(place: str, part: str, rng: random.Random) -> tuple[str, ...]:
    """Turns of a dialogue that name a place."""
    return tuple(turn.format(place) for turn in rng.choice(_TURNS[part]))


class _Book:
    """Titles with the forms that are made of them; `held` are the places and matters that are stored."""

    def __init__(self, titles: Sequence[Title]) -> None:
        self.forms: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.bare: dict[tuple[str, str], list[str]] = defaultdict(list)  # titles that name no place
        self.held: set[tuple[str, str]] = set()
        first: dict[tuple[str, str], Title] = {}
        places: dict[str, set[str]] = defaultdict(set)
        for title in titles:
            form, forms = _form(title), self.forms[title.domain, title.matter]
            if form and form.casefold() not in {other.casefold() for other in forms}:
                forms.append(form)
            bare = self.bare[title.domain, title.matter]
            if title.place.casefold() not in title.text.casefold() and title.text not in bare:
                bare.append(title.text)
            first.setdefault((title.place, title.matter), title)
            places[title.domain].add(title.place)
        self.titles = list(first.values())
        self._places = {domain: sorted(names) for domain, names in places.items()}
        self._matters: dict[str, list[str]] = defaultdict(list)
        for place, matter in first:
            self._matters[place].append(matter)

    def stranger(self, title: Title, rng: random.Random) -> str | None:
        """Another place of the kind of which the matter is not stored, half the time one with a like name."""
        own = set(title.place.casefold().split())
        free = [
            name
            for name in self._places[title.domain]
            if (name, title.matter) not in self.held
            and not own <= set(name.casefold().split())
            and not own >= set(name.casefold().split())
        ]
        like = [name for name in free if own & set(name.casefold().split()) - _EMPTY]
        pool = like if like and rng.random() < 0.5 else free
        return rng.choice(pool) if pool else None

    def other_matters(self, title: Title) -> list[str]:
        """Matters of the title's part that are known of its place, and are not stored, nor are those close to them."""
        return [
            matter
            for matter in self._matters[title.place]
            if part_by_hash(f"faq: {matter}", trains=True) == part_by_hash(f"faq: {title.matter}", trains=True)
            and self.forms[title.domain, matter]
            and not any((title.place, near) in self.held for near in MATTERS if near == matter or doubted(near, matter))
        ]


@cache
def _titles(data: Path | None) -> tuple[Title, ...]:
    """The titles whose matter is certain, of places whose names stand once."""
    found: list[Title] = []
    seen: set[str] = set()
    for domain, places in read_json(folder_of(data, "dstc9_knowledge") / "knowledge.json").items():
        for row in places.values():
            name = row["name"] or ""
            if row["city"] != "San Francisco" or name in seen:
                continue
            seen.add(name)
            for one in row["docs"].values():
                text, answer = " ".join(one["title"].split()), " ".join(one["body"].split())
                matter = matter_of(text, name)
                if matter and not answer.endswith("?"):
                    found.append(Title(domain=domain, place=name, text=text, answer=answer, matter=matter))
    return tuple(found)


def matter_of(text: str, place: str) -> str:
    """The one matter that a title about a place asks for; empty where it is none of them, or not certain."""
    bare = text.casefold()
    for name in sorted({place, place.removeprefix("The "), place.replace("&", "and")} - {""}, key=len, reverse=True):
        bare = bare.replace(name.casefold(), " ")
    for pattern, word in _ONE_WORD:
        bare = re.sub(pattern, word, bare)
    words = set(re.findall(r"[a-z0-9]+", bare.replace("'s", " ").replace("\u2019s", " ")))
    asked = _asked(bare)
    found = [name for name, matter in MATTERS.items() if asked in matter.asked and _all_of(matter, words - _EMPTY)]
    return found[0] if len(found) == 1 else ""


def _all_of(matter: Matter, words: set[str]) -> bool:
    """Whether a title's words are those of a matter, all of them."""
    needed = [set(group.split("|")) for group in matter.words]
    known = set().union(*needed, matter.may.split(), _SHAPES)
    return words <= known and all(words & group for group in needed)


def _asked(bare: str) -> str:
    """How a title asks, by its first words of asking."""
    if re.search(r"\bhow much\b|\b(cost|costs|price|charge|fee|free)\b", bare):
        return COST
    if re.search(r"\b(when|what time|what is the \w+ time)\b", bare) or "time" in bare.split():
        return WHEN
    if re.search(r"\b(what|what's|whats|which)\b", bare):
        return WHAT
    if re.search(r"\b(where|why|who)\b", bare):
        return ""
    return HOW if re.search(r"\bhow\b", bare) else YES


def _form(title: Title) -> str:
    """The title with a gap for the place; empty where it does not name it once, or calls it a kind of place."""
    parts = re.split(re.escape(title.place), title.text, flags=re.IGNORECASE)
    if len(parts) != 2 or _KIND_OF_PLACE.search(" ".join(parts)) or parts[0].casefold().endswith("the "):
        return ""
    if parts[1][:1].isalnum() or parts[1].startswith(("'", "\u2019")) or parts[0][-1:].isalnum():
        return ""
    form = "{}".join(parts)
    return form[:1].upper() + form[1:]


def dstc11_set(data: Path | None, *, seed: int = 1) -> ScopeSet:
    """DSTC11 (Zhao et al. 2023): the last turn of a dialogue, which may ask for an entry about a place of Cambridge.

    Of a place all entries are stored or none, and of entries that one turn needs together the first, so that no two
    edits cover a turn. For measuring only: it has too few turns that need an entry to train on.
    """
    folder = folder_of(data, "dstc11_track5")
    builder = SetBuilder("dstc11", seed)
    entries = {_key(row): row for row in read_json_lines(folder / "knowledge_faqs.jsonl")}
    dialogues = list(read_json_lines(folder / "val_sample.jsonl"))
    needed = [_needed(row, entries) for row in dialogues]
    spare = {key for keys in needed for key in keys[1:]} - {keys[0] for keys in needed if keys}
    asked = sorted({keys[0][:2] for keys in needed if keys})
    left_out = set(builder.rng.sample(asked, len(asked) // 3))
    places: dict[tuple[str, int, int], int] = {}
    for key, row in entries.items():
        if key[:2] not in left_out and key not in spare:
            place = builder.add(_entry(row))
            places |= {} if place is None else {key: place}
    near = NearestTexts([(edit.prompt,) for edit in builder.edits])
    for row, keys in zip(dialogues, needed, strict=True):
        *turns, question = [turn.partition(": ")[2] for turn in row["dialogue"]]
        about = {_key(one)[:2] for one in row["knowledge"]}
        own = [place for key, place in places.items() if key[:2] in about]
        if keys and keys[0] in places:
            if _certain(question, entries[keys[0]]):
                builder.case("turn", places[keys[0]], question, covered=True, turns=tuple(turns))
        elif row["needs"] == "none" or (row["needs"] == "review" and own) or not about.isdisjoint(left_out):
            kind = {"none": "needs_nothing", "review": "another_matter"}.get(row["needs"], "another_place")
            place = near.among(own or list(places.values()), question)
            builder.case(kind, place, question, covered=False, turns=tuple(turns))
    return builder.finished()


def _key(row: Mapping[str, Any]) -> tuple[str, int, int]:
    """What names an entry: the kind of place, the place, the entry."""
    return row["domain"], row["entity_id"], row["doc_id"]


def _needed(row: Mapping[str, Any], entries: Mapping[tuple[str, int, int], Any]) -> list[tuple[str, int, int]]:
    """The entries that a turn needs; none where it asks about several places."""
    keys = sorted({_key(one) for one in row["knowledge"] if one["doc_type"] == "faq"} & set(entries))
    return keys if len({key[:2] for key in keys}) == 1 else []


def _certain(question: str, entry: Mapping[str, Any]) -> bool:
    """Whether a turn asks for an entry's very matter: many ask how good what the entry only says is there is."""
    asked = matter_of(question, entry["entity"])
    return bool(asked) and asked == matter_of(entry["question"], entry["entity"])


def _entry(row: Mapping[str, Any]) -> ScopeEdit:
    """An entry as an edit; its prompt names the place."""
    name = re.sub(r"\b(And|Of|The|At|In|On)\b", lambda found: found[0].lower(), row["entity"].title())
    name = name[:1].upper() + name[1:].replace("'S", "'s")
    question = " ".join(row["question"].split())
    named = re.sub(re.escape(name), name, question, flags=re.IGNORECASE)
    return ScopeEdit(
        prompt=named if name in named else f"{name}: {question}",
        target=" ".join(row["answer"].split()),
        subject=name,
        part=part_by_hash(f"{row['domain']} {row['entity_id']}", trains=False),
    )


FAQ: Mapping[str, Callable[..., ScopeSet]] = {"dstc9_faq": dstc9_faq_set, "dstc11": dstc11_set}
