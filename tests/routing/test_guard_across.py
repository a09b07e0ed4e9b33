"""Numbers and days that differ between languages, whatever digits and names a language has."""

import pytest

from kedit_memory.routing.guard import across

DOSE = "What is the dose for 10 kg?"
MONDAY = "When does the shop open on Monday?"


@pytest.mark.parametrize(
    "question",
    [
        "Wie ist die Dosis für 20 kg?",
        "20 kgの用量は？",
        "２０キロの用量は？",
        "20公斤的剂量是多少？",
        "20킬로그램의 용량은 얼마입니까?",
        "Какая доза для 20 кг?",
        "ما هي الجرعة لوزن ٢٠ كجم؟",
        "२० किलो के लिए खुराक क्या है?",
    ],
)
def test_another_number_differs_in_any_script(question):
    assert str(across(question, [DOSE])) == "20 against 10"
    assert across(question, [DOSE, "And for 20 kg?"]) is None


@pytest.mark.parametrize(
    ("question", "wording"),
    [
        ("ما هي الجرعة لوزن ١٠ كجم؟", DOSE),
        ("10キログラムの用量は？", DOSE),
        ("Wie ist die Dosis?", DOSE),
        ("Wie ist die Dosis für 10 kg im Jahr 2020?", DOSE),
        ("Was kosten 1.000 Stück?", "What do 1,000 pieces cost?"),
        ("Wie viel sind 2,5 Liter?", "How much are 2.5 litres?"),
        ("Wann öffnet der Laden?", MONDAY),
        ("星期一商店几点开门？", MONDAY),
    ],
)
def test_the_same_number_or_none_says_nothing(question, wording):
    assert across(question, [wording]) is None


@pytest.mark.parametrize(
    "question",
    [
        "Wann öffnet der Laden am Dienstag?",
        "À quelle heure ouvre le magasin le mardi ?",
        "¿A qué hora abre la tienda el martes?",
        "商店星期二几点开门？",
        "火曜日に店は何時に開きますか？",
        "화요일에 가게는 몇 시에 엽니까?",
        "Во сколько открывается магазин во вторник?",
        "متى يفتح المتجر يوم الثلاثاء؟",
        "मंगलवार को दुकान कब खुलती है?",
    ],
)
def test_another_day_differs(question):
    assert str(across(question, [MONDAY])) == "Tuesday against Monday"
