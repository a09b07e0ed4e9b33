"""Whether an answer says what an edit says: short targets as they are, long ones by their content, codes exactly."""

import pytest

from kedit_memory.records import Edit, Kind
from kedit_memory.routing.said import asks_for, holds, says, share


def edit(prompt="Who leads Acme?", target="Ann Berg"):
    return Edit(id="e", kind=Kind.INSERTION, prompt=prompt, target=target, statement="", radius=1, created_at="")


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("Ann Berg", "The head of Acme is Ann Berg."),
        ("Ann Berg", "**ann  berg**, since 2025"),
        ("The Netherlands.", "It is in the Netherlands"),
        ("$1,299.50", "You pay $1,299.50."),
        ("$1,299.50", "It costs **$1,299.50** today"),
        ("8443", "Port 8443."),
        ("8443", "8443, of course"),
        ("75 kg", "At most 75 kg."),
        ("2-8 °C", "Keep it at 2-8 °C!"),
        ("https://help.example.com/returns?step=1", "See https://help.example.com/returns?step=1."),
        ("lob_4f2a91c7", "Its id is `lob_4f2a91c7`"),
        ("C++", "Use C++."),
        ("Łukasz Żółć", "łukasz żółć"),
        ("O'Dell", "It is O\u2019Dell"),
        ("No", "No, it is not."),
        ("小林 春香", "小林 春香です"),
    ],
)
def test_a_short_target_is_said_where_it_stands(target, answer):
    assert holds(answer, target)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("Ann Berg", "Anne Berger"),
        ("$1", "You pay $1,299.50."),
        ("299", "You pay $1,299.50."),
        ("1,299", "You pay 1,299.50."),
        ("$1,299.50", "$1299"),
        ("8443", "80443 or 84430"),
        ("44", "port 8443"),
        ("10 kg", "110 kg"),
        ("3.11", "3.11.7"),
        ("3.11.7", "13.11.7"),
        ("2.5 ml", "12.5 ml"),
        ("example.com", "an.example.com.evil"),
        ("lob_4f2a91c7", "4f2a91c7"),
        ("No", "There is no answer to that."),
        ("Łukasz", "Lukasz"),
        ("", "anything"),
    ],
)
def test_what_is_within_something_longer_or_merely_like_it_is_not_said(target, answer):
    assert not holds(answer, target)


POLICY = "Unused goods can be returned within 45 days with the receipt; worn helmets are excluded from refunds."
STEPS = "1. Hold the button for ten seconds.\n2. Wait for the blue flash.\n3. Press it twice."


def test_a_long_target_is_said_by_most_of_its_content_and_all_of_its_numbers():
    told = "You can return unused goods within 45 days if you have the receipt, but worn helmets are excluded."
    assert holds(told, POLICY)
    assert not holds(told.replace("45", "30"), POLICY)
    assert not holds("You have 45 days.", POLICY)
    assert share(told, POLICY) > share("You have 45 days.", POLICY)


def test_the_numbers_of_a_list_are_no_content():
    assert holds("Hold the button for ten seconds, wait for the blue flash and press it twice.", STEPS)
    assert not holds("1. Switch it off. 2. Wait. 3. Switch it on.", STEPS)


def test_a_statement_alone_is_said_by_something_new_of_it():
    stated = edit(POLICY, POLICY)
    assert says("Yes, with the receipt.", stated, "Can unused goods be returned?")
    assert not says("Unused goods can be returned.", stated, "Can unused goods be returned?")
    assert not says("I do not know.", stated, "When can unused goods be returned?")


@pytest.mark.parametrize(
    ("question", "stored", "asks"),
    [
        ("Who is the head of Acme?", "Who leads Acme?", True),
        ("What is the name of Acme's head?", "Who leads Acme?", True),
        ("acme boss", "Who leads Acme?", True),
        ("Is Ann Berg the head of Acme?", "Who leads Acme?", False),
        ("Can I park there?", "Is parking allowed?", True),
        ("Write a poem about the head of Acme", "Who leads Acme?", False),
        ("How many heads did Acme have?", "Who leads Acme?", False),
        ("When did it open?", "In which year did it open?", True),
        ("Could you tell me who leads Acme?", "Who leads Acme?", True),
    ],
)
def test_who_asks_for_the_fact_and_who_uses_it(question, stored, asks):
    assert asks_for(question, edit(stored)) is asks
