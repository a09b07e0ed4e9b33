"""Edits with the questions that they cover and those that they do not, read from the public sets and the world.

Every set is read whole: all of its edits go into one store. Only questions of the held-out part are asked when a
result is reported; thresholds are chosen on a third part, and the verifier is trained on the rest. The parts are split
by relation, across all sets at once, by the Wikidata property or by the words that name it.
"""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.evaluation.negatives import dropped, in_passing, mention, negated, similar_name, swapped
from kedit_memory.world import World, load_world

# Wikidata properties of the held-out part; whole fields of meaning, so that no near-synonym is left in training.
HELD_OUT_PROPERTIES = frozenset(
    {
        "P103", "P1412", "P364", "P37", "P407",  # language
        "P176", "P178",  # maker
        "P413",  # position in a sport
        "P495",  # country of origin
        "P136",  # genre
        "P937", "P108",  # work place
        "P22", "P25", "P59",  # father, mother, constellation
    }
)  # fmt: skip
# The same in the world's names, with some that only the world has.
HELD_OUT_RELATIONS = frozenset(
    {
        "official_language", "book_language", "genre", "film_country", "food_country", "instrument_origin", "designer",
        "mythology", "planet", "animal_family", "stadium", "currency", "discoverer", "moon_discoverer", "museum",
        "native language", "country language", "product by company", "person sport position", "person father",
        "person mother", "star constellation name", "country currency", "person university", "superhero archnemesis",
    }
)  # fmt: skip
# Of the held-out part, what thresholds are chosen on; it is not reported.
CALIBRATION = frozenset(
    {
        "P413", "P136", "P22", "P59", "genre", "mythology", "animal_family", "museum", "person sport position",
        "person father", "star constellation name",
    }
)  # fmt: skip
HELD_OUT_WORDS = re.compile(
    r"languag|sp(ea|o)k|tongue|manufactur|develop|product\b|produced|genre|country of origin|work location|employ|"
    r"father|mother|parent|constellation|position played|currenc|mytholog|stadium|discover|educated|university|alma"
)
# Words of relations that training did see: a row of zsRE with one of them is not in its held-out part.
SEEN_WORDS = re.compile(
    r"\b(born|birth\w*|di(e|ed|es)|death|citizen\w*|occupation|profession|job|works?|country|nationality|capital|"
    r"headquarter\w*|found(ed|er|ing)|establish\w*|incepti\w+|creat\w+|formed|direct\w*|author|wr(ote|itten|iter)|"
    r"compos\w+|publish\w*|publication|released?|river|continent|sport|religion|named after|member|label|network|"
    r"owne\w*|locat\w*|architect|design\w*|invent\w*|range|mouth|city|state|award\w*|gender|sex|spouse|married|wife|"
    r"husband|child|sibling|sister|brother|war|series|cast|stars?|position|where|launched|began|ended)\b",
    re.IGNORECASE,
)
# Properties whose questions share wordings ("is located in"): a question of one is no honest negative of another.
_OVERLAPPING = (
    {"P17", "P131", "P276", "P30", "P361", "P47", "P159", "P740"},
    {"P103", "P1412", "P364", "P37", "P407"},
    {"P19", "P27", "P495", "P740", "P17", "P131", "P276"},
    {"P176", "P178", "P127", "P495", "P170", "P50", "P112"},
    {"P101", "P106", "P39", "P800"},
    {"P1303", "P136", "P413", "P106"},
    {"P361", "P463"},
    {"P36", "P1376"},
    {"P937", "P108"},
    {"P279", "P31", "P361"},
    {"P190", "P530", "P47"},
)


_MADE_SHARE = 0.25  # of the edits of a large set get a question of every kind that the factory makes

TRAINING, CALIBRATING, TEST = "training", "calibration", "test"


def part_of(relation: str) -> str:
    """The part that a relation belongs to, by its property or its name; an unlabelled one is trained on."""
    if relation in CALIBRATION:
        return CALIBRATING
    return TEST if relation in HELD_OUT_PROPERTIES or relation in HELD_OUT_RELATIONS else TRAINING


@dataclass(frozen=True, kw_only=True)
class ScopeEdit:
    """An edit of a set; `aliases` are other names of the subject that the set gives."""

    prompt: str
    target: str
    subject: str
    part: str
    relation: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScopeCase:
    """A question, what kind it is, and which edit covers it: `covered` false where `edit` is only the nearest one."""

    question: str
    kind: str
    edit: int
    covered: bool
    part: str

    @property
    def held_out(self) -> bool:
        """Whether it may be reported: neither trained on nor used to choose a threshold."""
        return self.part == TEST


@dataclass(frozen=True, kw_only=True)
class ScopeSet:
    """All edits of a set and all its questions; `dropped` counts prompts with more than one answer."""

    name: str
    edits: tuple[ScopeEdit, ...]
    cases: tuple[ScopeCase, ...]
    dropped: int = 0


class _Builder:
    """Collects the edits and cases of one set."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.rng = random.Random(f"{name}:{seed}")  # noqa: S311 - a reproducible sample
        self.edits: list[ScopeEdit] = []
        self.cases: list[ScopeCase] = []
        self.dropped = 0
        self._taken: dict[str, int] = {}
        self._subjects: set[tuple[str, str]] = set()  # relation and subject of each edit

    def add(self, edit: ScopeEdit) -> int | None:
        """The place of a new edit; None where another holds the same prompt."""
        key = edit.prompt.casefold()
        if key in self._taken:
            self.dropped += 1
            return None
        self._taken[key] = len(self.edits)
        self._subjects.add((edit.relation, edit.subject.casefold()))
        self.edits.append(edit)
        self.case("prompt", len(self.edits) - 1, edit.prompt, covered=True)
        return len(self.edits) - 1

    def case(self, kind: str, edit: int, question: str | None, *, covered: bool) -> None:
        """A question of an edit, in the edit's part; None is passed over."""
        if question and question.strip():
            part = self.edits[edit].part
            self.cases.append(ScopeCase(question=question.strip(), kind=kind, edit=edit, covered=covered, part=part))

    def made(self, edit: int, question: str, names: Sequence[str]) -> None:
        """One question of every kind that the factory makes, of an edit and one of its questions."""
        one = self.edits[edit]
        if one.subject not in question:
            return
        like = similar_name(one.subject, names, self.rng)
        self.case("similar_name", edit, question.replace(one.subject, like), covered=False)
        self.case("swapped", edit, swapped(question, one.subject, one.target), covered=False)
        self.case("negation", edit, negated(question, self.rng), covered=False)
        self.case("mention", edit, mention(one.subject, self.rng), covered=False)
        self.case("dialogue", edit, in_passing(question, self.rng), covered=True)
        self.case("prefix", edit, dropped(question, self.rng), covered=False)

    def finished(self) -> ScopeSet:
        """The set; a question that another edit truly covers is taken out and counted."""
        cases = [case for case in self.cases if case.kind == "prompt" or not self._of_another(case)]
        dropped = self.dropped + len(self.cases) - len(cases)
        return ScopeSet(name=self.name, edits=tuple(self.edits), cases=tuple(cases), dropped=dropped)

    def _of_another(self, case: ScopeCase) -> bool:
        """Whether another edit has the question as its prompt, or is about a subject and relation that it asks for.

        Under an edit's own relation a question is only asked of another subject, or turned so that it asks nothing.
        """
        owner = self._taken.get(case.question.casefold())
        if owner is not None:
            return owner != case.edit or not case.covered
        if case.kind != "same_relation" or not self.edits[case.edit].relation:
            return False
        words = case.question.casefold().replace("'s ", " ").rstrip("?.").split()
        spans = {" ".join(words[i:k]).strip(",") for i in range(len(words)) for k in range(i + 1, len(words) + 1)}
        return any((self.edits[case.edit].relation, span) in self._subjects for span in spans)


def world_set(data: Path | None = None, *, seed: int = 1) -> ScopeSet:
    """Facts of the shipped world, asked in the other phrasings of their relations."""
    del data  # the world is shipped
    world = load_world()
    builder = _Builder("world", seed)
    rng = builder.rng
    facts = [f for f in world.facts if f.relation not in {"domain_of", "demonym_of", "symbol_of", "element_of_number"}]
    names = list(world.entities)
    chosen = rng.sample(facts, len(facts))
    for fact in chosen:
        relation = world.relations[fact.relation]
        phrasings = list(relation.questions + relation.clozes)
        first, *others = rng.sample(phrasings, min(3, len(phrasings)))
        place = builder.add(
            ScopeEdit(
                prompt=world.fill(first, fact.subject),
                target=rng.choice(world.objects[fact.relation]),
                subject=fact.subject,
                part=part_of(fact.relation),
                relation=fact.relation,
                aliases=world.entities[fact.subject].aliases if fact.subject in world.entities else (),
            )
        )
        if place is None:
            continue
        for phrasing in others:
            builder.case("rephrasing", place, world.fill(phrasing, fact.subject), covered=True)
        _world_negatives(builder, world, place, fact.relation)
        if rng.random() < _MADE_SHARE:
            builder.made(place, world.fill(others[0], fact.subject), names)
    return builder.finished()


def _world_negatives(builder: _Builder, world: World, place: int, relation: str) -> None:
    rng, edit = builder.rng, builder.edits[place]
    asked = world.relations[relation]
    same_type = [
        r
        for r in world.relations.values()
        if r.subject_type == asked.subject_type
        and r.name != relation
        and (part_of(r.name) == TRAINING) == (edit.part == TRAINING)
    ]
    if same_type:
        other = rng.choice(same_type)
        phrasing = rng.choice(other.questions + other.clozes)
        builder.case("same_subject", place, world.fill(phrasing, edit.subject), covered=False)


def pararel_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """ParaRel (Elazar et al. 2021): facts of T-REx and the clozes among its patterns."""
    folder = _folder(data, "pararel")
    builder = _Builder("pararel", seed)
    clozes = {p.stem: _clozes(p) for p in sorted((folder / "patterns").glob("*.jsonl"))}
    facts = {p.stem: list(_json_lines(p)) for p in sorted((folder / "trex_lms_vocab").glob("*.jsonl"))}
    of_subject: dict[str, set[str]] = defaultdict(set)
    for name, rows in facts.items():
        for row in rows:
            of_subject[row["sub_label"]].add(name)
    names = sorted(of_subject)
    for name, rows in facts.items():
        patterns = clozes.get(name, [])
        if len(patterns) < 2:
            continue
        targets = sorted({row["obj_label"] for row in rows})
        for row in rows:
            subject, (first, *others) = row["sub_label"], builder.rng.sample(patterns, min(4, len(patterns)))
            edit = ScopeEdit(
                prompt=_put(first, subject),
                target=builder.rng.choice(targets),
                subject=subject,
                part=part_of(name),
                relation=name,
            )
            place = builder.add(edit)
            if place is None:
                continue
            for pattern in others:
                builder.case("rephrasing", place, _put(pattern, subject), covered=True)
            other = _other_pattern(name, of_subject[subject], clozes, builder.rng)
            builder.case("same_subject", place, other and _put(other, subject), covered=False)
            stranger = builder.rng.choice(names)
            if name not in of_subject[stranger]:
                builder.case("same_relation", place, _put(builder.rng.choice(patterns), stranger), covered=False)
            if builder.rng.random() < _MADE_SHARE:
                builder.made(place, _put(others[0], subject), names)
    return builder.finished()


def _other_pattern(name: str, known: set[str], clozes: Mapping[str, list[str]], rng: random.Random) -> str | None:
    """A pattern of another relation, half of the time of one that the subject has; of the same part where possible."""
    other = [n for n in clozes if n != name and clozes[n] and not _overlap(n, name)]
    own = [n for n in other if n in known]
    pool = own if own and rng.random() < 0.5 else other
    pool = [n for n in pool if (part_of(n) == TRAINING) == (part_of(name) == TRAINING)] or pool
    pattern = rng.choice(clozes[rng.choice(sorted(pool))])
    return None if pattern in clozes[name] else pattern


def counterfact_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """CounterFact (Meng et al. 2022): rephrasings with their unrelated prefixes, and other subjects' prompts."""
    folder = _folder(data, "counterfact")
    builder = _Builder("counterfact", seed)
    rows = [r for part in ("train", "val") for r in _json(folder / f"counterfact-{part}.json")]
    label = _counterfact_labels(data, rows)
    names = sorted({r["subject"] for r in rows})
    edited = Counter(r["subject"] for r in rows)
    for row in rows:
        subject = row["subject"]
        relation = label.get(_template(row["prompt"], subject), "")
        place = builder.add(
            ScopeEdit(
                prompt=row["prompt"],
                target=row["target_new"],
                subject=subject,
                relation=relation,
                part=part_of(relation),
            )
        )
        if place is None:
            continue
        if edited[subject] == 1 or "known for" not in row["rephrase_prompt"]:
            builder.case("rephrasing", place, row["rephrase_prompt"], covered=True)
        builder.case("same_relation", place, row["locality_prompt"], covered=False)
        if builder.rng.random() < _MADE_SHARE:
            builder.made(place, row["prompt"], names)
    return builder.finished()


def zsre_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """ZsRE (Levy et al. 2017; the edition of KnowEdit): questions, and another property of the same subject.

    The other property comes as a cloze in the set; here it is asked as a question, as the rephrasings are.
    """
    folder = _folder(data, "zsre")
    builder = _Builder("zsre", seed)
    rows = _json(folder / "ZsRE-test-all.json")
    names = sorted({row["subject"] for row in rows})
    for row in rows:
        subject = row["subject"]
        place = builder.add(
            ScopeEdit(
                prompt=row["prompt"],
                target=row["target_new"],
                subject=subject,
                part=TRAINING if SEEN_WORDS.search(row["prompt"].replace(subject, "")) else TEST,
            )
        )
        if place is None:
            continue
        builder.case("rephrasing", place, row["rephrase_prompt"], covered=True)
        wordings = f"{row['prompt']} {row['rephrase_prompt']}".replace(subject, "").casefold()
        for other in row.get("locality", {}).get("Relation_Specificity", ())[:1]:
            prop = _property(other["prompt"], subject)
            if prop and not _same_property(prop, wordings):
                question = builder.rng.choice((f"What is the {prop} of {subject}?", f"What is {subject}'s {prop}?"))
                builder.case("same_subject", place, question, covered=False)
        builder.made(place, row["rephrase_prompt"], names)
    return builder.finished()


def lre_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """LRE (Hernandez et al. 2024): factual relations and their prompt templates."""
    folder = _folder(data, "relations_lre")
    builder = _Builder("lre", seed)
    relations = [_json(path) for path in sorted((folder / "factual").glob("*.json"))]
    names = sorted({s["subject"] for r in relations for s in r["samples"]})
    templates = {r["name"]: _lre_templates(r) for r in relations}
    for relation in relations:
        own = templates[relation["name"]]
        targets = sorted({s["object"] for s in relation["samples"]})
        fellows = [
            r["name"]
            for r in relations
            if r["properties"]["domain_name"] == relation["properties"]["domain_name"]
            and r["name"] != relation["name"]
            and r["properties"]["range_name"] != relation["properties"]["range_name"]
        ]
        for sample in relation["samples"]:
            subject = sample["subject"]
            first, *others = builder.rng.sample(own, min(3, len(own)))
            place = builder.add(
                ScopeEdit(
                    prompt=_put(first, subject),
                    target=builder.rng.choice(targets),
                    subject=subject,
                    part=part_of(relation["name"]),
                    relation=relation["name"],
                )
            )
            if place is None:
                continue
            for template in others:
                builder.case("rephrasing", place, _put(template, subject), covered=True)
            if fellows:
                other = builder.rng.choice(templates[builder.rng.choice(fellows)])
                builder.case("same_subject", place, _put(other, subject), covered=False)
            stranger = builder.rng.choice(names)
            if stranger not in {s["subject"] for s in relation["samples"]}:
                question = _put(builder.rng.choice(own), stranger)
                builder.case("same_relation", place, question, covered=False)
            if others and builder.rng.random() < _MADE_SHARE:
                builder.made(place, _put(others[0], subject), names)
    return builder.finished()


def open_questions(data: Path, count: int, seed: int = 1) -> list[str]:
    """Questions of NQ-open (Kwiatkowski et al. 2019) and SQuAD (Rajpurkar et al. 2016), half of each."""
    rng = random.Random(seed)  # noqa: S311 - a reproducible sample
    natural = [row["question"] for row in _json(_folder(data, "nq_open") / "nq_open_validation.json")]
    squad = _json(_folder(data, "squad") / "squad1.1_dev_from_explorer.json")["data"]
    reading = [q["question"] for a in squad for p in a["paragraphs"] for q in p["qas"]]
    half = count // 2
    return rng.sample(natural, min(half, len(natural))) + rng.sample(reading, min(count - half, len(reading)))


SETS: Mapping[str, Callable[..., ScopeSet]] = {
    "counterfact": counterfact_set,
    "zsre": zsre_set,
    "pararel": pararel_set,
    "lre": lre_set,
    "world": world_set,
}


def _folder(data: Path, name: str) -> Path:
    folder = data / name
    if not folder.is_dir():
        raise NotFoundError(f"no folder {folder}; name the folder of the public sets with --path or KEDIT_DATA")
    return folder


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as JSON ({error}); fetch the set anew") from error


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)


def _put(template: str, subject: str) -> str:
    text = template.replace("{}", subject)
    return text[:1].upper() + text[1:]


def _template(text: str, subject: str) -> str:
    return re.sub(r"\s+", " ", text.replace(subject, "{}").strip()).rstrip(".")


def _clozes(path: Path) -> list[str]:
    """Patterns that end with the object, as prompts; an article before it goes with it."""
    found = (row["pattern"] for row in _json_lines(path))
    cut = (re.sub(r"\s*\[Y\]\s*\.?\s*$", "", p.strip()) for p in found if re.search(r"\[Y\]\s*\.?\s*$", p.strip()))
    clean = (re.sub(r"\s+", " ", p.replace("[X]", "{}")).strip() for p in cut if "[X]" in p)
    return sorted(dict.fromkeys(clean))


def _overlap(one: str, other: str) -> bool:
    return any(one in group and other in group for group in _OVERLAPPING)


def _counterfact_labels(data: Path, rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The property of each prompt template: as known facts and ParaRel have it, else by the company it keeps."""
    label: dict[str, str] = {}
    for row in _json(_folder(data, "counterfact") / "known_1000.json"):
        label.setdefault(_template(row["prompt"], row["subject"]), row["relation_id"])
    if (data / "pararel").is_dir():
        for path in sorted((data / "pararel" / "patterns").glob("*.jsonl")):
            for cloze in _clozes(path):
                label.setdefault(cloze, path.stem)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        own = _template(row["prompt"], row["subject"])
        for known, found in label.items():
            head, _, tail = known.partition("{}")
            other = row["locality_prompt"]
            if own not in label and (head or len(tail) > 6) and other.startswith(head) and other.endswith(tail):
                votes[own][found] += 1
    return label | {own: count.most_common(1)[0][0] for own, count in votes.items()}


def _property(prompt: str, subject: str) -> str:
    """The property that "The P of S is" names; empty where it is of another form."""
    found = re.fullmatch(rf"The (.+) of {re.escape(subject)} is", prompt)
    return found[1] if found else ""


def _same_property(name: str, wordings: str) -> bool:
    """Whether a word of the property's name is in an edit's own wordings, or a synonym of one."""
    words = set(re.findall(r"[a-z]{4,}", name.casefold()))
    for group in _SYNONYMS:
        if words & group:
            words |= group
    return any(word in wordings for word in words)


_SYNONYMS = (
    {"taxon", "family", "genus", "species", "order"}, {"birth", "born"}, {"death", "died", "dead"},
    {"spouse", "married", "wife", "husband"}, {"father", "mother", "parent", "child", "sibling", "sister", "brother"},
    {"location", "located", "country", "state", "city", "territorial", "entity", "where"},
    {"occupation", "profession", "position", "work"}, {"inception", "founded", "start", "time", "point", "year"},
    {"performer", "artist", "singer"}, {"manufacturer", "developer", "maker", "company"},
    {"author", "writer", "creator"}, {"conflict", "military", "branch"}, {"part", "series", "follows", "followed"},
    {"sports", "team", "member", "club", "sport"}, {"given", "name", "named", "full", "native", "label", "called"},
    {"publication", "date", "released", "launch", "service", "when"}, {"educated", "university", "college", "school"},
)  # fmt: skip


def _lre_templates(relation: Mapping[str, Any]) -> list[str]:
    """The relation's clozes, and the question with which a two-part template begins."""
    found: list[str] = []
    for template in (*relation["prompt_templates"], *relation["prompt_templates_zs"]):
        head, asked, _ = template.partition("? ")
        found.append(head + "?" if asked else template)
    return list(dict.fromkeys(found))
