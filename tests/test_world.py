"""The shipped world is sound, its checker finds each kind of fault, and training text keeps to what it may show."""

import tomllib
from itertools import islice

import check_world
import make_passages
import make_samples
import pytest
from training_text import TextMaker

from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.link import Linker
from kedit_memory.shipped import data_folder
from kedit_memory.world import UNSEEN_TIER, load_world, passages_file

DRAWN = 20_000


@pytest.fixture(scope="module")
def world():
    return load_world()


# A sound world of three countries and cities, without the numbers that are promised of the shipped one.

TYPES = '[nouns]\ncountry = ["country"]\ncity = ["city"]\n\n[article]\nnames = []\ntypes = []\n'
COUNTRIES = "name\tfame\taliases\tcapital\nFrance\t1\t\tParis\nItaly\t2\tItalia\tRome\nPeru\t5\t\tLima\n"
CITIES = "name\tfame\taliases\tfounded\nParis\t1\tLutetia\t250\nRome\t1\t\t\nLima\t5\t\t1535\n"


def relation(name, of, to, subject="{s}"):
    """A sound relation as TOML."""
    return f'''
[{name}]
subject = "{of}"
object = "{to}"
noun = "the {name} of {{s}}"
statements = [
    "The {name} of {subject} is {{o}}.", "{subject} has {{o}} as {name}.", "{{o}} is what {subject} has as {name}.",
]
questions = ["What is the {name} of {subject}?", "Which {name} has {subject}?", "Name the {name} of {subject}?"]
clozes = ["The {name} of {subject} is", "{subject} has as its {name}"]
held_out = ["Which {name} has {subject}?", "{subject} has as its {name}"]
clauses = ["{{r}} has {{o}} as {name}"]
'''


INVERSE = relation("capital_of", "city", "country").replace("[capital_of]", '[capital.inverse]\nname = "capital_of"')
INVERSE = "\n".join(line for line in INVERSE.splitlines() if not line.startswith(("subject", "object")))
RELATIONS = relation("capital", "country", "city") + INVERSE + relation("founded", "city", "year")


@pytest.fixture
def faults(tmp_path):
    """The faults of the small world after one replacement in one of its files, the promised numbers apart."""

    def found(file="relations/all.toml", old="", new=""):
        contents = {
            "types.toml": TYPES,
            "tables/country.tsv": COUNTRIES,
            "tables/city.tsv": CITIES,
            "relations/all.toml": RELATIONS,
        }
        assert old in contents[file]
        contents[file] = contents[file].replace(old, new, 1)
        for name, text in contents.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return [f for f in check_world.faults(load_world(tmp_path)) if "promised" not in f or "phrasings" in f]

    return found


def test_the_shipped_world_has_no_fault(world):
    assert check_world.faults(world) == []


def test_the_small_world_has_no_fault_but_its_size(faults, tmp_path):
    assert tomllib.loads(RELATIONS)["capital"]["inverse"]["name"] == "capital_of"
    assert faults() == []
    promised = check_world.faults(load_world(tmp_path))
    assert {line.split(":")[0] for line in promised} == set(check_world.MINIMUM)


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("tables/country.tsv", "Rome", "Atlantis", "Italy / capital: 'Atlantis' is no city that the world knows"),
        ("tables/country.tsv", "Rome", "Peru", "Italy / capital: 'Peru' is no city that the world knows"),
        ("tables/city.tsv", "250", "long ago", "Paris / founded: 'long ago' is no year that the world knows"),
        ("tables/country.tsv", "Rome", "Lima", "Italy / capital: 'Lima' is of tier 5, its subject is not"),
        ("tables/country.tsv", "Rome", "Paris", "Paris / capital_of: 2 objects, a relation here has one"),
        ("tables/country.tsv", "Italia", "paris", "'paris' names both Paris and Italy"),
        ("tables/country.tsv", "Italia", "Italia ", "Italy: a name with odd characters: 'Italia '"),
        ("tables/country.tsv", "Italia", "It{s}lia", "Italy: a name with odd characters: 'It{s}lia'"),
        ("tables/country.tsv", "Italy\t2", "Italy\t7", "Italy: fame 7 is not 1 to 5"),
        ("types.toml", "country = ", "state = ", "France: types.toml has no nouns for 'country'"),
        ("relations/all.toml", '"Name the capital of {s}?"', "", "relation capital: 7 phrasings, at least 8 promised"),
        (
            "relations/all.toml",
            '"Which capital has {s}?", "{s} has as',
            '"{s} has as',
            "relation capital: held_out must",
        ),
        ("relations/all.toml", 'held_out = ["Which capital has', 'held_out = ["What capital has', "held_out must list"),
        ("relations/all.toml", "{s} has {o} as capital.", "The capital of {s} is {o}.", "a phrasing is listed twice"),
        ("relations/all.toml", "{s} has {o} as capital.", "{s} has {o} as capital", "capital: not one of statements"),
        ("relations/all.toml", "{s} has {o} as capital.", "{s} has it as capital.", "capital: not one of statements"),
        (
            "relations/all.toml",
            "What is the capital of {s}?",
            "What is the capital {o} of {s}?",
            "capital: not one of questions",
        ),
        ("relations/all.toml", "What is the capital of {s}?", "What is its capital?", "capital: not one of questions"),
        ("relations/all.toml", '"The capital of {s} is"', '"The capital of {s} is "', "capital: not one of clozes"),
        ("relations/all.toml", '"The capital of {s} is"', '"The capital of {s} is {o}"', "capital: not one of clozes"),
        ("relations/all.toml", "{r} has {o} as capital", "it has {o} as capital", "capital: not one of clauses"),
    ],
)
def test_each_kind_of_fault_is_found(faults, file, old, new, fault):
    found = faults(file, old, new)
    assert any(fault in line for line in found), found


def test_held_out_statements_alone_do_not_do(faults):
    old = 'held_out = ["Which capital has {s}?", "{s} has as its capital"]'
    new = 'held_out = ["The capital of {s} is {o}.", "{s} has {o} as capital."]'
    assert "relation capital: no question or cloze is held out" in faults("relations/all.toml", old, new)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("tables/country.tsv", "\tcapital\n", "\tmotto\n", "country.tsv: column 'motto' is no relation of a country"),
        ("tables/country.tsv", "\tRome", "\tRome\tMilan", "country.tsv:3: wrong number of cells"),
        ("tables/country.tsv", "\tRome", "", "country.tsv:3: wrong number of cells"),
        ("tables/country.tsv", "Italy\t", "France\t", "country.tsv: 'France' has a row already"),
        ("relations/all.toml", 'noun = "the capital of', 'word = "the capital of', "relation 'capital' lacks 'noun'"),
    ],
)
def test_a_table_without_its_form_is_refused(faults, file, old, new, message):
    with pytest.raises(InvalidInputError, match=message):
        faults(file, old, new)


def test_the_shipped_passages_are_what_the_script_makes_now(tmp_path, monkeypatch):
    made = tmp_path / "passages.jsonl"
    monkeypatch.setattr("sys.argv", ["make_passages.py", "--output", str(made)])
    make_passages.main()
    assert made.read_bytes() == passages_file().read_bytes()


def test_the_sample_texts_of_editors_are_what_the_script_makes_now(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_samples.py", "--output", str(tmp_path)])
    make_samples.main()
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert len(made) == 3
    assert made == {name: (data_folder() / "samples" / name).read_bytes() for name in made}


# Training text.


def subjects(world, fact):
    entity = world.entities.get(fact.subject)
    return (fact.subject, *(entity.aliases if entity else ()))


def told(document):
    """What a closed-book document asks, without the format around it, and the whole sentence that it makes of it."""
    prompt = document.prompt.removeprefix("Question: ").removesuffix("\nAnswer:")
    return prompt, prompt + document.answer


def filled(world, patterns_of, *, tiers):
    """Every phrasing that `patterns_of` gives for a relation, about each subject of these tiers by all its names."""
    return {
        world.fill(pattern, subject, fact.object)
        for fact in world.facts
        if fact.tier in tiers
        for subject in subjects(world, fact)
        for pattern in patterns_of(world.relations[fact.relation])
    }


@pytest.fixture(scope="module")
def closed_book(world):
    maker = TextMaker(world, seed=23)
    return [told(maker.closed_book()) for _ in range(DRAWN)]


SEEN = range(1, UNSEEN_TIER)


def test_closed_book_documents_ask_no_held_out_question(world, closed_book):
    held_out = filled(world, lambda relation: relation.held_out & set(relation.questions), tiers=SEEN)
    assert held_out.isdisjoint(question for question, _ in closed_book)


def test_closed_book_documents_hold_no_held_out_cloze_or_statement(world, closed_book):
    clozes = filled(world, lambda relation: relation.held_out & set(relation.clozes), tiers=SEEN)
    statements = filled(world, lambda relation: relation.held_out & set(relation.statements), tiers=SEEN)
    assert clozes.isdisjoint(prompt for prompt, _ in closed_book)
    assert statements.isdisjoint(whole for _, whole in closed_book)


def test_closed_book_documents_tell_no_fact_of_tier_5(world, closed_book):
    asked = filled(world, lambda relation: relation.questions + relation.clozes, tiers=[UNSEEN_TIER])
    stated = filled(world, lambda relation: relation.statements, tiers=[UNSEEN_TIER])
    assert asked.isdisjoint(prompt for prompt, _ in closed_book)
    assert stated.isdisjoint(whole for _, whole in closed_book)


def test_no_document_of_any_kind_names_anything_of_tier_5(world):
    # Names of one word, "The" not counted, are left out: another word may be spelt the same by chance.
    unseen = [
        (name, entity.name)
        for entity in world.entities.values()
        if entity.tier == UNSEEN_TIER
        for name in (entity.name, *entity.aliases)
        if " " in name and not name.startswith("The ")
    ]
    assert len(unseen) > 500
    spellings = {name for name, _ in unseen}
    seen = {n for e in world.entities.values() if e.tier != UNSEEN_TIER for n in (e.name, *e.aliases)}
    values = {name for names in world.objects.values() for name in names}  # such as "Solomon Islands dollar"
    known = (seen | values) - spellings
    linker = Linker.of([*unseen, *((name, name) for name in known)])
    for document in islice(TextMaker(world, seed=29), DRAWN // 4):
        text = document.context + document.prompt + document.answer
        assert not [m for m in linker.link(text, fuzzy=False) if m.surface in spellings], text
