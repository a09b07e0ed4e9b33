import time

import pytest

from kedit_memory.routing.link import Linker

NAMES = [
    "Archduchess Mechthildis of Austria",
    "Michael de la Pole, 3rd Earl of Suffolk",
    "Midwife toad",
    "Charlotte-Catherine Patin",
    "Prince Andrew of Greece and Denmark",
    "Raja Zarith Sofiah",
    "Irina Arkhipova",
    "Yuri Petrov",
    "Louis XIV of France",
    "Greece",
]


@pytest.fixture(scope="module")
def linker():
    return Linker.of((name, name) for name in NAMES)


@pytest.mark.parametrize(
    ("text", "name", "surfaces"),
    [
        ("Who is Archduchess Mechthildi's Austrian father?", NAMES[0], ["Archduchess Mechthildi's Austrian"]),
        ("Who bore Michael de la Pole, 3. Earl of Suffolk?", NAMES[1], ["Michael de la Pole, 3. Earl of Suffolk"]),
        ("What kind of family is the toad of midwife?", NAMES[2], ["toad of midwife"]),
        ("The mother of Charlotte Catherine Patin?", NAMES[3], ["Charlotte Catherine Patin"]),
        ("Who was Prince Andrew's father from Greece and Denmark?", NAMES[4], ["Prince Andrew", "Greece and Denmark"]),
        ("who is the father of raja zarith sofia", NAMES[5], ["raja zarith sofia"]),
        ("petrov, yuri: born", NAMES[7], ["petrov, yuri"]),
    ],
)
def test_a_name_is_found_in_its_pieces(linker, text, name, surfaces):
    found = linker.partly(text).mentions
    assert {mention.name for mention in found} == {name}
    assert [mention.surface for mention in found] == surfaces
    assert all(mention.fuzzy and text[mention.start : mention.end] == mention.surface for mention in found)


@pytest.mark.parametrize(
    "text",
    [
        "Who bore Michael de la Pole, 4th Earl of Suffolk?",  # another number
        "When did Louis XVI of France die?",
        "Irina Indian, a native",  # half of a name
        "Yuri Ivanovich Petrov was born in",  # a word that the name lacks
        "Midwife Toad Street lies in",
        "How do I boil an egg?",
        "Greece",  # a single word is no piece
        "",
    ],
)
def test_another_name_is_not(linker, text):
    assert linker.partly(text).mentions == ()


def test_many_names_cost_little():
    linker = Linker.of((name, name) for name in (f"Anna{i} Berg{i % 50} of Ward {i % 7}" for i in range(20_000)))
    linker.partly("warm up")
    started = time.perf_counter()
    for number in range(50):
        linker.partly(f"Which town does the Berg{number} family of Ward {number % 7} come from these days?")
    assert (time.perf_counter() - started) / 50 < 0.02
