"""One thing changed in a text, and the templates whose wordings differ in one thing."""

import random
import re
from collections import Counter
from itertools import combinations

import pytest

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation import invented, lexicons
from kedit_memory.evaluation.contrast import KINDS, asks_yes_or_no, changed, kinds_of
from kedit_memory.evaluation.templates import Template, _read, templates

SEEDS = range(40)


def all_changed(text: str, kind: str, part: str = "training", **options: object) -> set[str | None]:
    return {changed(text, kind, random.Random(seed), part, **options) for seed in SEEDS}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "text", "one"),
    [
        ("number", "How much is it for 10 kg?", "How much is it for 20 kg?"),
        ("number", "A table for four, please.", "A table for seven, please."),
        ("number", "Orders above 1,000 are free.", "Orders above 2,000 are free."),
        ("unit", "It takes 3 days to arrive.", "It takes 3 weeks to arrive."),
        ("unit", "Its weight in kg?", "Its weight in lb?"),
        ("date", "Who won in 1998?", "Who won in 1999?"),
        ("date", "The sale starts on 5 May.", "The sale starts on 6 May."),
        ("date", "What is due on March 12?", "What is due on June 12?"),
        ("weekday", "Is it open on Fridays?", "Is it open on Sundays?"),
        ("weekday", "What do we eat tomorrow?", "What do we eat today?"),
        ("ordinal", "Who was the second king?", "Who was the fourth king?"),
        ("ordinal", "The 3rd floor", "The 2nd floor"),
        ("version", "When was Python 3.11 released?", "When was Python 3.12 released?"),
        ("version", "What changed in version 4?", "What changed in version 5?"),
        ("currency", "It costs $50.", "It costs €50."),
        ("currency", "Pay in euros.", "Pay in pounds."),
        ("place", "When do you fly to Paris?", "When do you fly to Rome?"),
        ("extreme", "The minimum order", "The maximum order"),
        ("comparison", "Whoever is over 65 pays less.", "Whoever is under 65 pays less."),
        ("switch", "How do I turn the alarm on?", "How do I turn the alarm off?"),
        ("switch", "How do I enable it?", "How do I disable it?"),
        ("opening", "When does the shop open?", "When does the shop close?"),
        ("order", "What do I eat before the run?", "What do I eat after the run?"),
        ("voice", "Who acquired Norvex?", "Whom did Norvex acquire?"),
        ("voice", "Whom did Norvex sue?", "Who sued Norvex?"),
        ("voice", "Later, Norvex bought Halor.", "Later, Halor bought Norvex."),
        ("direction", "The train from Elm to Oak Hill", "The train from Oak Hill to Elm"),
        ("direction", "Convert euros into dollars.", "Convert dollars into euros."),
        ("relative", "Who is her father?", "Who is her mother?"),
        ("standing", "Who is the mayor?", "Who is the deputy mayor?"),
        ("owner", "What is my code?", "What is his code?"),
        ("negation", "What does it not contain?", "What does it contain?"),
        ("negation", "The room with a bath", "The room without a bath"),
        ("negation", "What can I bring?", "What can I not bring?"),
        ("modality", "Can I bring a dog?", "Must I bring a dog?"),
        ("attribute", "What is the price of it?", "What is the weight of it?"),
        ("interrogative", "When did it happen?", "Where did it happen?"),
        ("audience", "The price for adults", "The price for children"),
    ],
)
def test_each_kind_changes_its_slot_and_nothing_else(kind: str, text: str, one: str) -> None:
    made = all_changed(text, kind)
    assert one in made
    assert text not in made
    assert None not in made
    assert kind in kinds_of(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "Who won in 1998?"),
        ("number", "At 10:30 in room A12"),
        ("unit", "In terms of the law"),
        ("date", "You may come."),
        ("ordinal", "Twice a second"),
        ("extreme", "How long does it last?"),
        ("extreme", "Most people know."),
        ("opening", "How much annual leave do I have?"),
        ("opening", "Is it open?"),
        ("comparison", "The bridge over the river"),
        ("place", "Paris Saint-Germain lost."),
        ("modality", "How can I pay?"),
        ("modality", "Can you tell me the price?"),
        ("negation", "Is it cold?"),
        ("owner", "What is his name?"),
        ("attribute", "How much does it cost?"),
        ("direction", "I work from home."),
    ],
)
def test_a_word_of_another_sense_is_no_slot(kind: str, text: str) -> None:
    assert all_changed(text, kind) == {None}
    assert kind not in kinds_of(text)


def test_names_stay_and_with_another_text_only_what_both_have_changes() -> None:
    assert all_changed("Who runs First Bank?", "ordinal", names=("First Bank",)) == {None}
    both = all_changed("What is 5 times 7?", "number", shared="Seven is what 7 is.")
    assert all(made and made.startswith("What is 5 times") for made in both)
    assert all_changed("What is 5?", "number", shared="It is 15.") == {None}


def test_what_stands_twice_changes_twice() -> None:
    assert all_changed("Monday or Monday?", "weekday") == {
        f"{day} or {day}?" for day in lexicons.WEEKDAYS if day != "Monday"
    }


def test_a_person_becomes_another() -> None:
    made = all_changed("When is Anna in?", "person")
    assert len(made) > 10
    assert all(made and re.fullmatch(r"When is [A-Z][a-z]+ in\?", made) for made in made)


def test_case_is_kept() -> None:
    assert all_changed("Open it. OPEN IT.", "opening") >= {"Close it. OPEN IT.", "Open it. CLOSE IT."}


def test_an_unknown_kind_or_part_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no kind of contrast named 'numbers'; did you mean 'number'"):
        changed("5", "numbers", random.Random(1), "test")
    with pytest.raises(UnknownNameError, match="no part named 'tests'"):
        changed("the cheapest", "extreme", random.Random(1), "tests")
    with pytest.raises(UnknownNameError, match="no set of words"):
        lexicons.words("planets", "test")


@pytest.mark.parametrize("kind", ["extreme", "comparison", "switch", "opening", "relative", "attribute", "audience"])
def test_parts_share_no_pair_of_words(kind: str) -> None:
    pairs = {
        part: {
            frozenset((one, other))
            for group in lexicons.groups(kind, part)
            for mine, theirs in combinations(group, 2)
            for one, other in zip(mine, theirs, strict=False)
        }
        for part in lexicons.PARTS
    }
    assert all(pairs.values())
    assert not any(pairs[one] & pairs[other] for one, other in combinations(lexicons.PARTS, 2))


def test_forms_of_a_group_stand_for_each_other() -> None:
    for kind in KINDS:
        for part in lexicons.PARTS:
            for group in lexicons.groups(kind, part):
                assert len(group) > 1
                assert len({len(member) for member in group}) == 1, group


def test_a_question_for_yes_or_no() -> None:
    assert asks_yes_or_no("Hey, is it open?")
    assert not asks_yes_or_no("When is it open?")


def test_every_part_has_templates_of_every_kind_and_shares_none() -> None:
    wordings = {part: [text for one in templates(part) for text in one.wordings] for part in lexicons.PARTS}
    for part, least in (("training", 14), ("calibration", 4), ("test", 6)):
        counts = Counter(template.kind for template in templates(part))
        assert set(counts) == set(KINDS)
        assert min(counts.values()) >= least
        assert len(set(wordings[part])) == len(wordings[part])
    assert not any(set(wordings[one]) & set(wordings[other]) for one, other in combinations(lexicons.PARTS, 2))


@pytest.mark.parametrize("part", lexicons.PARTS)
def test_a_filled_template_tells_its_values_apart(part: str) -> None:
    rng = random.Random(1)
    for template in templates(part):
        filled = template.fill(rng, part)
        assert len(filled.answers) == len(filled.questions) == len(filled.statements) >= 2
        texts = [text for row in (*filled.questions, *filled.statements) for text in row]
        assert not any(mark in text for mark in "{}[]|" for text in (*texts, *filled.answers)), texts
        assert len(set(texts)) == len(texts), texts
        assert not re.search(r"\b(the|my) the\b|  ", " ".join(texts), re.IGNORECASE), texts
        assert all(text[:1] == text[:1].upper() for text in texts)
        assert all(len(row) > 1 for row in filled.questions)
        for answer, said in zip(filled.answers, filled.statements, strict=True):
            assert all(answer.casefold() in text.casefold() for text in said)


def test_a_template_takes_a_given_name_and_the_same_seed_gives_the_same() -> None:
    template = next(one for one in templates("test") if one.about == "gym")
    assert "Oak Gym" in template.fill(random.Random(1), "test", named="Oak Gym").questions[0][0]
    assert template.fill(random.Random(1), "test") == template.fill(random.Random(1), "test")


@pytest.mark.parametrize(
    "lines",
    [
        ["5..9 => 3", "How much is {v}?"],
        ["5..9 => 3", "How much is {v}?", "How much?"],
        ["5..9", "How much is {v}?", "What is {v}?"],
        ["[a|b] => 3", "Is it [one|two|three]?", "Or [one|two]?"],
    ],
)
def test_a_block_that_is_no_template_is_refused(lines: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="no template"):
        _read("number", lines)


def test_names_are_many() -> None:
    rng = random.Random(1)
    for kind in invented.TYPES:
        names = {invented.name(kind, rng) for _ in range(2000)}
        assert len(names) > 1000 or kind == "pet", kind
        assert not any("{" in name for name in names)
    assert len({invented.name("company", rng) for _ in range(30_000)}) > 20_000


def test_an_article_fits_its_number() -> None:
    template = Template(kind="number", values="8 | 5", answers=("x",), wordings=("Is it a {v} kg box?", "A {v} kg box"))
    assert template.fill(random.Random(1), "test").questions == (
        ("Is it an 8 kg box?", "An 8 kg box"),
        ("Is it a 5 kg box?", "A 5 kg box"),
    )
