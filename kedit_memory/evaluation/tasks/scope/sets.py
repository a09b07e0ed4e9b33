"""Edits with the questions that they cover and those that they do not, read from the public sets and the world.

Every set is read whole: all of its edits go into one store. Only questions of the held-out part are asked when a
result is reported; thresholds are chosen on a third part, and the verifier is trained on the rest. The parts are split
by relation, across all sets at once, by the Wikidata property or by the words that name it.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines
from kedit_memory.evaluation.measures import normalise
from kedit_memory.evaluation.tasks.scope.cases import (
    CALIBRATING,
    TEST,
    TRAINING,
    OpenQuestion,
    ScopeEdit,
    ScopeSet,
    SetBuilder,
    overlapping,
    plain,
    spans,
    with_overlapping,
)
from kedit_memory.evaluation.tasks.scope.contrasts import contrast_set
from kedit_memory.evaluation.tasks.scope.everyday import everyday_set
from kedit_memory.evaluation.tasks.scope.faq import FAQ, dstc9_faq_set
from kedit_memory.evaluation.tasks.scope.followups import followups_set
from kedit_memory.evaluation.tasks.scope.intents import INTENTS
from kedit_memory.evaluation.tasks.scope.invariances import invariance_set
from kedit_memory.evaluation.tasks.scope.languages import languages_set
from kedit_memory.evaluation.tasks.scope.long_answers import long_answers_set
from kedit_memory.evaluation.tasks.scope.mixed import mixed_set
from kedit_memory.evaluation.tasks.scope.policies import policies_set
from kedit_memory.evaluation.tasks.scope.qamr import qamr_set
from kedit_memory.evaluation.tasks.scope.same_question import PAIRS
from kedit_memory.evaluation.tasks.scope.statements import statements_set
from kedit_memory.evaluation.tasks.scope.support import SUPPORT, support_set
from kedit_memory.words import words
from kedit_memory.world import World, load_world

# Relations of the held-out part, by their Wikidata property. Some fields of meaning are held out whole (currencies,
# planets, stadiums, parents, constellations); of others a relative is trained on: of the native language the spoken
# one, of the maker the developer, of the work place the employer.
HELD_OUT_PROPERTIES = frozenset({"P103", "P364", "P176", "P495", "P937", "P413", "P136", "P22", "P25", "P59"})
# The same in the names of the world and of LRE, with some that only they have.
HELD_OUT_RELATIONS = frozenset(
    {
        "book_language", "genre", "film_country", "food_country", "instrument_origin", "designer", "mythology",
        "planet", "animal_family", "stadium", "currency", "discoverer", "moon_discoverer", "museum", "native language",
        "product by company", "person sport position", "person father", "person mother", "star constellation name",
        "country currency", "person university", "superhero archnemesis", "food from country",
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
    r"native|mother tongue|original(ly)?\b|manufactur|product\b|produced|genre|country of origin|work location|"
    r"father|mother|parent|constellation|position played|currenc|mytholog|stadium|discover|educated|university|alma"
)
# Words of relations that training did see: a row of zsRE with one of them is not in its held-out part.
SEEN_WORDS = re.compile(
    r"\b(born|birth\w*|di(e|ed|es)|death|citizen\w*|occupation|profession|job|works?|country|nationality|capital|"
    r"headquarter\w*|found(ed|er|ing)|establish\w*|incepti\w+|creat\w+|formed|direct\w*|author|wr(ote|itten|iter)|"
    r"compos\w+|publish\w*|publication|released?|river|continent|sport|religion|named after|member|label|network|"
    r"owne\w*|locat\w*|architect|design\w*|invent\w*|range|mouth|city|state|award\w*|gender|sex|spouse|married|wife|"
    r"husband|child|sibling|sister|brother|war|series|cast|stars?|position|where|launched|began|ended|languages?|"
    r"speaks?|spoken?|develop\w*|employ\w*)\b",
    re.IGNORECASE,
)

# Prompts of CounterFact whose property neither its known facts nor ParaRel tell.
_LABELS = {
    "{} professionally plays the sport": "P641", "{} is a professional": "P641",
    "What sport does {} play? They play": "P641", "The language used by {} is": "P1412", "{} speaks": "P1412",
    "{} speaks the language": "P1412", "{} writes in": "P1412",
}  # fmt: skip
# Prompts that it has for several properties ("Bob Cousy, the"): the edits are stored, and no question is made of them.
_VAGUE = frozenset({"{}, the", "{} plays", "{}, of", "{}, by", "{} is a", "{}, from", "{} from", "{} is from"})

# Phrasings of the world that may also be read to ask for another relation: a book is written in French, and in 1862.
_ALSO = {
    "{s} was originally written in": ("publication_year",),
    "The author of {s} wrote it in": ("publication_year",),
    "{s} was produced in": ("release_year",),
    "{s} is a film from": ("release_year",),
    "{s} was released in": ("film_country",),
    "Biologists count the {s} among the": ("animal_class",),
    "The {s} is a kind of": ("animal_family", "diet"),
}

_MADE_SHARE = 0.25  # of the edits of a large set get a question of every kind that the factory makes
_TURNED = 0.5  # of zsRE's subjects have their other property stored, so that its questions are negatives
_SHARED = 5  # subjects that two relations of ParaRel have both, from which on one can be asked where the other can
_NOT_STORED = 0.3  # of the facts of a set that gives all that is known about a subject: they are asked as negatives


def part_of(relation: str) -> str:
    """The part that a relation belongs to, by its property or its name; an unlabelled one is trained on."""
    if relation in CALIBRATION:
        return CALIBRATING
    return TEST if relation in HELD_OUT_PROPERTIES or relation in HELD_OUT_RELATIONS else TRAINING


def _bare(cloze: str) -> str:
    """What a cloze says without what only joins it: "{}, who plays the" says "{} plays"."""
    plain = re.sub(r",? (who|that|which|whose)(?= )|,|\b(is|was|has been|has|had|been)\b", " ", cloze.casefold())
    return re.sub(r"( (the|a|an))+$", "", " ".join(plain.split()))


def _readings(clozes: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """For each bare cloze the relations that have it."""
    found: dict[str, set[str]] = defaultdict(set)
    for relation, patterns in clozes.items():
        for pattern in patterns:
            found[_bare(pattern)].add(relation)
    return found


def world_set(data: Path | None = None, *, seed: int = 1) -> ScopeSet:
    """Facts of the shipped world, asked in the other phrasings of their relations."""
    del data  # the world is shipped
    world = load_world()
    builder = SetBuilder("world", seed)
    rng = builder.rng
    facts = [f for f in world.facts if f.relation not in {"domain_of", "demonym_of", "symbol_of", "element_of_number"}]
    names = list(world.entities)
    chosen = rng.sample(facts, len(facts))
    aside: dict[str, list[str]] = defaultdict(list)  # by subject, the relations whose facts are not stored
    for fact in chosen[: int(_NOT_STORED * len(chosen))]:
        aside[fact.subject].append(fact.relation)
    for fact in chosen[int(_NOT_STORED * len(chosen)) :]:
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
                aliases=_aliases(world, fact.subject),
                truth=(fact.object, *_aliases(world, fact.object)),
            )
        )
        if place is None:
            continue
        for phrasing in others:
            question = world.fill(phrasing, fact.subject)
            builder.case("rephrasing", place, question, covered=True, asked=_ALSO.get(phrasing, ()))
        _world_negatives(builder, world, place, aside[fact.subject])
        if rng.random() < _MADE_SHARE:
            builder.made(place, world.fill(others[0], fact.subject), names, _ALSO.get(others[0], ()))
    return builder.finished()


def _aliases(world: World, name: str) -> tuple[str, ...]:
    return world.entities[name].aliases if name in world.entities else ()


def _world_negatives(builder: SetBuilder, world: World, place: int, aside: Sequence[str]) -> None:
    """A fact of the same subject that is not stored, and the same relation of a subject whose fact is not."""
    rng, edit = builder.rng, builder.edits[place]
    others = [
        name for name in aside if (part_of(name) == TRAINING) == (edit.part == TRAINING) and name != edit.relation
    ]
    if others:
        other = world.relations[rng.choice(others)]
        phrasing = rng.choice(other.questions + other.clozes)
        asked = {other.name, *_ALSO.get(phrasing, ())}
        builder.case("same_subject", place, world.fill(phrasing, edit.subject), covered=False, asked=asked)
    own = world.relations[edit.relation]
    stranger = rng.choice([e.name for e in world.entities.values() if e.type == own.subject_type] or [edit.subject])
    phrasing = rng.choice(own.questions + own.clozes)
    if stranger != edit.subject:
        asked = {own.name, *_ALSO.get(phrasing, ())}
        builder.case("same_relation", place, world.fill(phrasing, stranger), covered=False, asked=asked)


def pararel_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """ParaRel (Elazar et al. 2021): facts of T-REx and the clozes among its patterns."""
    folder = folder_of(data, "pararel")
    builder = SetBuilder("pararel", seed)
    clozes = {p.stem: _clozes(p) for p in sorted((folder / "patterns").glob("*.jsonl"))}
    facts = {p.stem: list(read_json_lines(p)) for p in sorted((folder / "trex_lms_vocab").glob("*.jsonl"))}
    of_subject: dict[str, set[str]] = defaultdict(set)
    for name, rows in facts.items():
        for row in rows:
            of_subject[row["sub_label"]].add(name)
    names = sorted(of_subject)
    known = _ParaRel(clozes=clozes, facts=facts, alike=_of_like_subjects(facts))
    readings = _readings(clozes)
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
                truth=(row["obj_label"],),
            )
            place = builder.add(edit)
            if place is None:
                continue
            for pattern in others:
                builder.case("rephrasing", place, _put(pattern, subject), covered=True, asked=readings[_bare(pattern)])
            _pararel_negatives(builder, place, known, of_subject)
            if builder.rng.random() < _MADE_SHARE:
                builder.made(place, _put(others[0], subject), names, readings[_bare(others[0])])
    return builder.finished()


@dataclass(frozen=True, kw_only=True)
class _ParaRel:
    """The clozes and the facts of each relation, and the relations that are about things of the same type."""

    clozes: Mapping[str, list[str]]
    facts: Mapping[str, Sequence[Mapping[str, str]]]
    alike: Mapping[str, set[str]]


def _of_like_subjects(facts: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, set[str]]:
    """For each relation those that a few of its subjects have, too: they can be asked of the others as well.

    That a film took up work somewhere, or what position a country plays in, nobody asks.
    """
    subjects = {name: {row["sub_label"] for row in rows} for name, rows in facts.items()}
    return {
        name: {other for other in subjects if other != name and len(own & subjects[other]) >= _SHARED}
        for name, own in subjects.items()
    }


def _pararel_negatives(builder: SetBuilder, place: int, known: _ParaRel, of_subject: Mapping[str, set[str]]) -> None:
    """Another relation of the subject, and the relation of another subject that is not stored with it."""
    rng, subject, name = builder.rng, builder.edits[place].subject, builder.edits[place].relation
    if found := _other_pattern(name, of_subject[subject], known, rng):
        other, pattern = found
        asked = with_overlapping(other)
        builder.case("same_subject", place, _put(pattern, subject), covered=False, asked=asked)
    fellow = rng.choice(sorted(known.alike[name]) or [name])
    stranger = rng.choice(known.facts[fellow])["sub_label"]
    if name not in of_subject[stranger]:
        question = _put(rng.choice(known.clozes[name]), stranger)
        builder.case("same_relation", place, question, covered=False, asked=with_overlapping(name))


def _other_pattern(name: str, own: set[str], known: _ParaRel, rng: random.Random) -> tuple[str, str] | None:
    """Another relation and a pattern of it: half of the time one that the subject has, of the same part if possible.

    None where no relation can be asked of the subject, or the pattern is one of the edit's relation, too.
    """
    clozes = known.clozes
    other = [n for n in clozes if n in known.alike[name] | own and n != name and clozes[n] and not overlapping(n, name)]
    had = [n for n in other if n in own]
    pool = had if had and rng.random() < 0.5 else other
    pool = [n for n in pool if (part_of(n) == TRAINING) == (part_of(name) == TRAINING)] or pool
    if not pool:
        return None
    chosen = rng.choice(sorted(pool))
    pattern = rng.choice(clozes[chosen])
    return None if pattern in clozes[name] else (chosen, pattern)


def counterfact_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """CounterFact (Meng et al. 2022): rephrasings with their unrelated prefixes, and other subjects' prompts.

    This edition gives for two edits in three a text to be continued ("One can get to X by navigating") where the
    rephrasing should be. A text is taken for one when it ends with a prompt that the set itself, or ParaRel, has for
    the relation; the others are left out and counted. The prefixes of rephrasings stand before negatives just as often.
    """
    folder = folder_of(data, "counterfact")
    builder = SetBuilder("counterfact", seed)
    rows = [r for part in ("train", "val") for r in read_json(folder / f"counterfact-{part}.json")]
    label = _counterfact_labels(data, rows)
    templates: dict[str, set[str]] = defaultdict(set)
    for template, relation in label.items():
        templates[relation].add(template)
    names = sorted({r["subject"] for r in rows})
    for row in rows:
        subject = row["subject"]
        template = _template(row["prompt"], subject)
        relation = "" if template in _VAGUE else label.get(template, "")
        place = builder.add(
            ScopeEdit(
                prompt=row["prompt"],
                target=row["target_new"],
                truth=(row["ground_truth"],),
                subject=subject,
                relation=relation,
                part=part_of(relation),
            )
        )
        if place is None:
            continue
        prefix = _prefix_of(row["rephrase_prompt"], subject, templates[relation])
        if prefix is None:
            builder.dropped += 1
        else:
            builder.case("rephrasing", place, row["rephrase_prompt"], covered=True)
        other = (prefix or "") + row["locality_prompt"]
        told = tuple(filter(None, [row.get("locality_ground_truth")]))
        builder.case("same_relation", place, other, covered=False, asked=with_overlapping(relation), answers=told)
        if not relation:
            continue
        if builder.rng.random() < _MADE_SHARE:
            builder.made(place, row["prompt"] if prefix is None else row["rephrase_prompt"], names)
    return builder.finished()


def _prefix_of(text: str, subject: str, templates: Iterable[str]) -> str | None:
    """What stands before the longest of the prompts that the text ends with; None where it ends with none of them."""
    asked = [template.replace("{}", subject) for template in templates]
    found = max((prompt for prompt in asked if text.rstrip(" .").endswith(prompt)), key=len, default=None)
    return None if found is None else text.rstrip(" .").removesuffix(found)


def zsre_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """ZsRE (Levy et al. 2017; the edition of KnowEdit): questions, and another property of the same subject.

    The set asks for the other property by a cloze, and for the edit's by a question: a question's form gives its class
    away. So for half of the subjects the other property is what is stored, and the same questions are its negatives.
    """
    folder = folder_of(data, "zsre")
    builder = SetBuilder("zsre", seed)
    rows = read_json(folder / "ZsRE-test-all.json")
    names = sorted({row["subject"] for row in rows})
    seen: set[str] = set()
    for row in rows:
        subject, prompt, target = row["subject"], row["prompt"], row["target_new"]
        if subject in seen:  # the relation has no label, and two edits of one subject often have the same
            builder.dropped += 1
            continue
        seen.add(subject)
        part = TRAINING if SEEN_WORDS.search(prompt.replace(subject, "")) else TEST
        wordings = f"{prompt} {row['rephrase_prompt']}".replace(subject, "").casefold()
        known = [
            (name, probe["ground_truth"])
            for probe in row.get("locality", {}).get("Relation_Specificity", ())
            if (name := _property(probe["prompt"], subject)) and not same_property(name, wordings)
        ]
        truth = tuple(row["ground_truth"])
        turned = bool(known) and builder.rng.random() < _TURNED
        if turned:
            name, answers = builder.rng.choice(known)
            prompt = builder.rng.choice((f"What is the {name} of {subject}?", f"What is {subject}'s {name}?"))
            target, truth = _first_text(answers), ()
        place = builder.add(ScopeEdit(prompt=prompt, target=target, subject=subject, part=part, truth=truth))
        if place is None:
            continue
        builder.case("same_subject" if turned else "rephrasing", place, row["rephrase_prompt"], covered=not turned)
        if not turned:
            builder.made(place, row["rephrase_prompt"], names)
    return builder.finished()


def _first_text(answers: Any) -> str:
    """The first answer, however deep the set has wrapped it."""
    while isinstance(answers, list):
        answers = answers[0]
    return str(answers)


def lre_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """LRE (Hernandez et al. 2024): factual relations and their prompt templates."""
    folder = folder_of(data, "relations_lre")
    builder = SetBuilder("lre", seed)
    relations = [read_json(path) for path in sorted((folder / "factual").glob("*.json"))]
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
                    truth=(sample["object"],),
                )
            )
            if place is None:
                continue
            for template in others:
                builder.case("rephrasing", place, _put(template, subject), covered=True)
            if fellows:
                other = builder.rng.choice(fellows)
                question = _put(builder.rng.choice(templates[other]), subject)
                builder.case("same_subject", place, question, covered=False, asked={other})
            stranger = builder.rng.choice(names)
            if stranger not in {s["subject"] for s in relation["samples"]}:
                question = _put(builder.rng.choice(own), stranger)
                builder.case("same_relation", place, question, covered=False, asked={relation["name"]})
            if others and builder.rng.random() < _MADE_SHARE:
                builder.made(place, _put(others[0], subject), names)
    return builder.finished()


def open_questions(data: Path, count: int, seed: int = 1) -> list[OpenQuestion]:
    """Questions of NQ-open (Kwiatkowski et al. 2019) and SQuAD (Rajpurkar et al. 2016), half of each."""
    rng = random.Random(seed)  # noqa: S311 - a reproducible sample
    natural = [
        OpenQuestion(text=row["question"], answers=(row["answer"], *row["aliases"]))
        for row in read_json(folder_of(data, "nq_open") / "nq_open_validation.json")
    ]
    squad = read_json(folder_of(data, "squad") / "squad1.1_dev_from_explorer.json")["data"]
    reading = [
        OpenQuestion(text=q["question"], answers=tuple(dict.fromkeys(a["text"] for a in q["answers"])))
        for article in squad
        for paragraph in article["paragraphs"]
        for q in paragraph["qas"]
    ]
    half = count // 2
    return rng.sample(natural, min(half, len(natural))) + rng.sample(reading, min(count - half, len(reading)))


def outside(asked: Sequence[OpenQuestion], edits: Iterable[ScopeEdit]) -> list[OpenQuestion]:
    """The questions that no edit covers.

    An edit covers one that names its subject and whose answer was the edit's own before it was made: "in what year was
    Nikola Tesla born", of 1856, where a birth year of Nikola Tesla is stored. A statement may cover one whose answer
    and two of whose words, or half of them, are in it.
    """
    truths: dict[str, set[str]] = defaultdict(set)
    statements: dict[str, list[tuple[str, frozenset[str]]]] = defaultdict(list)  # by each of their words
    for edit in edits:
        for name in (edit.subject, *edit.aliases):
            truths[plain(name)] |= {normalise(truth) for truth in edit.truth} - {""}
        if edit.prompt == edit.target:
            held = frozenset(words(edit.prompt))
            for word in held:
                statements[word].append((f" {normalise(edit.prompt)} ", held))
    return [
        one
        for one in asked
        if not any(_same_answer(one, truths[span]) for span in spans(one.text) if span in truths)
        and not _stated(one, statements)
    ]


def _stated(asked: OpenQuestion, statements: Mapping[str, Sequence[tuple[str, frozenset[str]]]]) -> bool:
    """Whether a statement holds an answer and two of the words of the question, or half of them."""
    own = frozenset(words(asked.text))
    answers = [f" {normalise(answer)} " for answer in asked.answers]
    near = {one for word in own for one in statements.get(word, ())}
    return any(
        len(own & held) >= min(2, len(own) / 2) and any(answer in text for answer in answers) for text, held in near
    )


def _same_answer(asked: OpenQuestion, truths: Iterable[str]) -> bool:
    """Whether one of the truths is an answer: all of it, most of its words, or its year."""
    answers = [normalise(answer) for answer in asked.answers]
    return any(_mostly(*sorted((answer, truth), key=len)) for answer in answers for truth in truths)


def _mostly(part: str, whole: str) -> bool:
    year = re.fullmatch(r"\d{4}", part)
    return f" {part} " in f" {whole} " and (bool(year) or 2 * len(part.split()) > len(whole.split()))


# Facts about a named subject, which the editors of a model are compared on, too.
FACTS: Mapping[str, Callable[..., ScopeSet]] = {
    "counterfact": counterfact_set,
    "zsre": zsre_set,
    "pararel": pararel_set,
    "lre": lre_set,
    "world": world_set,
}
_MINED = (statements_set, qamr_set, counterfact_set, zsre_set, dstc9_faq_set)
_MIXED = (counterfact_set, pararel_set, lre_set, statements_set, qamr_set, policies_set, support_set)
SETS: Mapping[str, Callable[..., ScopeSet]] = {
    **FACTS,
    "statements": statements_set,
    "qamr": qamr_set,
    "policies": policies_set,
    "long_answers": long_answers_set,
    "followups": followups_set,
    "everyday": everyday_set,
    "languages": languages_set,
    **SUPPORT,
    **INTENTS,
    **FAQ,
    **PAIRS,
    "contrast": partial(contrast_set, mined=_MINED),
    "invariance": partial(invariance_set, mined=_MINED),
    "mixed": partial(mixed_set, of=_MIXED),
}


def _put(template: str, subject: str) -> str:
    text = template.replace("{}", subject)
    return text[:1].upper() + text[1:]


def _template(text: str, subject: str) -> str:
    return re.sub(r"\s+", " ", text.replace(subject, "{}").strip()).rstrip(".")


def _clozes(path: Path) -> list[str]:
    """Patterns that end with the object, as prompts; an article before it goes with it."""
    found = (row["pattern"] for row in read_json_lines(path))
    cut = (re.sub(r"\s*\[Y\]\s*\.?\s*$", "", p.strip()) for p in found if re.search(r"\[Y\]\s*\.?\s*$", p.strip()))
    clean = (re.sub(r"\s+", " ", p.replace("[X]", "{}")).strip() for p in cut if "[X]" in p)
    return sorted(dict.fromkeys(clean))


def _counterfact_labels(data: Path, rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The property of each prompt template: as known facts and ParaRel have it, else by the company it keeps."""
    label: dict[str, str] = {}
    for row in read_json(folder_of(data, "counterfact") / "known_1000.json"):
        label.setdefault(_template(row["prompt"], row["subject"]), row["relation_id"])
    if (data / "pararel").is_dir():
        for path in sorted((data / "pararel" / "patterns").glob("*.jsonl")):
            for cloze in _clozes(path):
                label.setdefault(cloze, path.stem)
    label = _LABELS | label
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


def same_property(name: str, wordings: str) -> bool:
    """Whether a word of a property's name, or a synonym of one, is in another wording."""
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
