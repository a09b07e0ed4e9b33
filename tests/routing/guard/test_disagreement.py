"""Questions and edits that differ in one value or opposite, and such as say the same in other ways."""

from itertools import product

import pytest

from kedit_memory.routing.guard import AMOUNTS, disagreement
from kedit_memory.routing.guard.narrowing import stem
from kedit_memory.routing.guard.opposite_words import PAIRS, TOLD_BY_THE_OTHER


class _Kind:
    def __init__(self, texts: str, differing: str, same: str) -> None:
        self.differing = self._pairs(texts, differing)
        self.same = self._pairs(texts, same)

    @staticmethod
    def _pairs(texts: str, values: str) -> list[tuple[str, str]]:
        pairs = [pair.split("|") for pair in values.split("; ")]
        return [(text.format(one), text.format(other)) for text, (one, other) in product(texts.split("; "), pairs)]


# Of each kind: texts with a gap, pairs of values that differ, and pairs that are the same.
KINDS = {
    "quantity": _Kind(
        "What is the dose for a dog of {}?; How much may a parcel of {} cost?; {} of sand: which lorry?",
        "10 kg|20 kg; ten kilos|ten grams; 3 lb|5 lb; 500 g|5 kg; 2 tonnes|2.5 tonnes; 5mg|50 mg; 1 kg|1.1 kg; "
        "5 mg|5 ml; 40 kilos|40 pounds",
        "10 kg|ten kilograms; 10 kg|10000 g; 10kg|10 kilos; 1,5 kg|1.5 kg; 2 tonnes|2000 kg",
    ),
    "duration": _Kind(
        "Can I return it after {}?; Who approves a leave of {}?; Is a break of {} paid?",
        "14 days|30 days; two weeks|three weeks; 1 year|2 years; 90 minutes|2 hours; one day|ten days; 6 "
        "months|a 12-month stay; 5 seconds|5 minutes",
        "14 days|two weeks; an hour and a half|90 minutes; 1 year|12 months; 48 hours|two days",
    ),
    "money": _Kind(
        "Do I pay duty on {}?; Who signs for an order of {}?; Is a tip of {} allowed?",
        "$10|$20; 20 euros|20 dollars; £5|£50; $1,000|$10,000; five euros|six euros; 1.5 million dollars|2 "
        "million dollars; $10.50|$10.05",
        "$10|10 dollars; 20 €|twenty euros; $1.5 million|1,500,000 dollars; £5|5 pounds",
    ),
    "percent": _Kind(
        "What does a discount of {} need?; Is a deposit of {} enough?; Who decides on a rise of {}?",
        "10%|20%; five percent|fifteen percent; 2.5%|25%; 0.5 %|5 %; 100%|110%; 30 per cent|40 per cent; 1%|11%",
        "10%|ten percent; 2.5 %|2.5 per cent",
    ),
    "temperature": _Kind(
        "Is {} too warm for the yeast?; Does the pump stop at {}?; Can it be washed at {}?",
        "25 °C|30 °C; 25 degrees|28 degrees; -5 °C|5 °C; 60 °C|60 °F; thirty degrees|forty degrees; 212 "
        "°F|100 °F; 90°|95°",
        "25 °C|77 °F; 25 degrees|25 degrees Celsius; 212 °F|100 °C",
    ),
    "size": _Kind(
        "Can I send a file of {}?; What does a plan with {} cost?; Is {} enough?",
        "2 GB|5 GB; 500 MB|500 GB; 1 TB|2 TB; 16GB|32GB; 100 kB|100 MB; 64 gigabytes|128 gigabytes; 1.5 GB|15 GB",
        "2 GB|2000 MB; 16GB|16 gigabytes",
    ),
    "number": _Kind(
        "May I bring {} guests?; How do I share it with {} people?; Who can book {} rooms?",
        "2|3; two|five; 10|100; a dozen|twenty; 1,000|10,000; 15|50; 3 thousand|3 million",
        "2|two; 12|a dozen; 1000|one thousand; 3 thousand|3,000",
    ),
    "range": _Kind(
        "Can children {} ride?; Do drivers {} pay more?; Which fee applies to groups {}?",
        "under 12|of 14; over 18|under 18; at least 10|of 5; between 5 and 10|of 12; over 65|over 75; up to "
        "20|of 25; of 11|under 10",
        "under 12|of 10; over 65|of 70; between 5 and 10|of 7; at least 10|of 10",
    ),
    "year": _Kind(
        "Who won the {} election?; What was the budget in {}?; Which models were sold until {}?",
        "2019|2020; 1999|2000; 2001|2010; 1848|1884; 2024|2025; 1969|1996; 1918|1981",
        "2019|2019",
    ),
    "date": _Kind(
        "Who speaks on {}?; Is the office open on {}?; What is due on {}?",
        "3 May|4 May; May 3|June 3; 3 May 2024|3 May 2023; 2024-05-03|2024-05-30; the 1st of April|the 2nd of "
        "April; 24 December|25 December; 1 January 2020|2 January 2020",
        "3 May 2024|May 3rd, 2024; 2024-05-03|3 May 2024; 3.5.2024|3 May; 3 May 2024|May 2024",
    ),
    "weekday": _Kind(
        "When do you open on {}?; Who is on duty on {}?; Is there a bus on {}?",
        "Monday|Tuesday; Saturdays|Sundays; Friday|Thursday; weekdays|Sunday; the weekend|Monday; "
        "Wednesday|Thursday; Tue|Fri",
        "Monday|Mondays; weekdays|Monday; the weekend|Sunday; Monday to Friday|Wednesday",
    ),
    "month": _Kind(
        "What is on sale in {}?; How warm is it in {}?; Who is away in {}?",
        "January|February; May|June; March|April; July|August; September|October; November|December; Q1|Q3",
        "May 2024|May; Q1|the first quarter",
    ),
    "time": _Kind(
        "Is there a train at {}?; Who opens the gate at {}?; Can I call at {}?",
        "9:30|10:30; 9 am|9 pm; noon|midnight; 7|8; 14:00|15:00; half past six|half past seven; 6:15|6:45",
        "9:30|9:30 am; noon|12:00; 9 pm|21:00; half past six|6:30",
    ),
    "ordinal": _Kind(
        "Who lives on the {} floor?; What is planned for the {} week?; Who scored the {} goal?",
        "first|second; 3rd|4th; second|third; tenth|eleventh; 1st|2nd; 21st|22nd; fifth|sixth",
        "third|3rd; twenty-first|21st",
    ),
    "numbered": _Kind(
        "What is in {}?; Where do I find {}?; Who is responsible for {}?",
        "room 12|room 13; chapter 3|chapter 4; floor 2|floor 3; gate 5|gate 15; step one|step two; module "
        "7|module 9; phase 1|phase 2",
        "floor 3|the third floor; chapter 3|chapter three; phase 2|phase II",
    ),
    "version": _Kind(
        "How do I install {}?; Is {} still supported?; What is new in {}?",
        "Kassbook 2|Kassbook 3; version 1.2|version 1.3; v2.0.1|v2.1.1; version 2|version 3; Python 2|Python "
        "3; release 10|release 11; kassbook 4|Kassbook 5",
        "version 2|version 2.0; v2.1.3|version 2.1.3; Kassbook 2|Kassbook 2.0; version 2|Kassbook 2",
    ),
    "code": _Kind(
        "What does {} mean?; Who handles {}?; Where is {} described?",
        "E-404|E-500; ISO 9001|ISO 14001; B12|B6; EN1090|EN1091; #4711|#4712; A4|A5; GPT-3|GPT-4",
        "E-404|E404; ISO 9001|ISO9001; #4711|# 4711",
    ),
    "opposite words": _Kind(
        "What is said about the {}?; Who decides about the {}?; Where do I see the {}?",
        "minimum fee|maximum fee; lowest price|highest price; arrival hall|departure hall; sender|recipient; "
        "incoming mail|outgoing mail; north gate|south gate; former owner|current owner; import tax|export "
        "tax; upload speed|download speed; first name|last name; mother|father; men's team|women's team; "
        "adult ticket|child ticket; buying price|selling price; inbound flight|outbound flight",
        "minimum fee|minimal fee; check-in desk|check in desk; last name|surname",
    ),
    "another thing about it": _Kind(
        "What is said about the {} of Brightwater?; {}: what is known for Brightwater?; Brightwater, {}?",
        "revenue|profit; turnover|expenses; gross wage|net wage; height|weight; width|height; latitude|longitude; "
        "breakfast|dinner; email address|phone number; username|password; CEO|CFO; founder|CEO; director|producer; "
        "author|translator; population|area; price|size; cause|treatment; symptoms|treatment; sunrise|sunset",
        "revenue|turnover; price|cost; CEO|chief executive; email|email address; price|price and size",
    ),
    "opposite deeds": _Kind(
        "How do I {}?; Is it possible to {}?; Can a guest {}?",
        "turn on the heater|turn off the heater; open an account|close an account; enable alerts|disable "
        "alerts; check in online|check out online; travel from Oslo to Bergen|travel from Bergen to Oslo; "
        "convert miles to metres|convert metres to miles; log in|log out; lock the door|unlock the door",
        "turn on the heater|switch on the heater; sign in|log in",
    ),
    "rank": _Kind(
        "Who is the {} of Elm School?; {}, Elm School: which room?; Did the {} of the school resign?",
        "deputy head|head; associate professor|professor; former manager|manager; acting principal|principal; "
        "honorary chair|chair; vice president|president; trainee nurse|nurse",
        "deputy head|vice head; former manager|previous manager; head|head",
    ),
    "owner": _Kind(
        "Where can I leave {}?; Is {} insured?; {}, is there a form for it?",
        "my son's bike|my bike; our neighbour's dog|our dog; the phone of my wife|my phone; my boss's car|my "
        "daughter's car",
        "my bike|our bike; my son's bike|the bike of my son; the bike|my bike",
    ),
    "unit without a number": _Kind(
        "What is left of the fabric in {}?; The fabric: length in {}?; How many {} of fabric are left?",
        "yards|inches; metres|feet; miles|kilometres",
        "metres|meters; metres|pieces",
    ),
    "rate": _Kind(
        "What does a guard cost {}?; Price of the pool {}?; Is the fee {} higher now?",
        "an hour|a quarter; per day|weekly; each month|yearly; nightly|per week",
        "hourly|per hour; annually|a year; every month|monthly; a month|per visit",
    ),
    "several of a thing": _Kind(
        "What do {} at Samka Lodge cost?; How much is it for {} there?; How long do {} take?",
        "two nights|a night; 3 tickets|one ticket; 12 eggs|each egg; 2 lessons|per lesson",
        "two nights|2 nights; a night|one night; three nights|a room; 2 years|a year",
    ),
    "prefix": _Kind(
        "Is it possible to get {} leave?; Who decides on {} leave?",
        "unpaid|paid; unlimited|limited; non-taxable|taxable",
        "unpaid|not paid; unpaid|free",
    ),
    "joining": _Kind(
        "When did Esther {} the choir?; Which year did she {} our club?; Did he {} this team?",
        "join|leave",
        "join|enter; leave|quit",
    ),
}
_DIFFER = [pair for kind in KINDS.values() for pair in kind.differing]
_SAME = [pair for kind in KINDS.values() for pair in kind.same]


@pytest.mark.parametrize(("question", "prompt"), _DIFFER)
def test_another_value_is_another_question(question: str, prompt: str) -> None:
    assert disagreement(question, [prompt])
    assert disagreement(prompt, [question])


@pytest.mark.parametrize(("question", "prompt"), _SAME)
def test_the_same_value_in_another_form_is_none(question: str, prompt: str) -> None:
    assert disagreement(question, [prompt]) is None
    assert disagreement(prompt, [question]) is None


@pytest.mark.parametrize(
    ("question", "prompt"),
    [
        ("Ficta takes our things out of Ulm and to Bonn. At what price?", "Ficta: moving, Bonn → Ulm, price?"),
        ("Ficta, PDF > pictures?", "What in Ficta changes pictures into PDF?"),
        ("Who owned Ficta then?", "Ficta owned Berg then."),
        ("What belonged to Ficta?", "Holm owned Ficta."),
        ("Who was helped by Ficta with the move?", "Holm helped Ficta with the move."),
        ("How many people did Ficta hire?", "How many people were let go by Ficta?"),
        ("Which hall is it for those who leave with Ficta?", "Where are arrivals of Ficta?"),
        ("Is Ficta good for individuals?", "Is Ficta good for groups?"),
        ("What must visitors of Ficta carry?", "What may visitors of Ficta carry?"),
        ("How long does it run without the battery?", "How long does it run with the battery?"),
        ("What does Ficta do with files of over 10 KB?", "What does Ficta do with files of over 10 PB?"),
        ("Where does Ficta put parcels heavier than a stone?", "Ficta: place for parcels below the weight of a stone?"),
        ("What does the bell of Ficta weigh, in oz?", "How many tonnes does the bell of Ficta weigh?"),
        ("What did the piano of Ficta cost, in yen?", "How many francs did the piano of Ficta cost?"),
        ("I have sold a car through Ficta. What do they need?", "I will sell a car through Ficta. What do they need?"),
        ("I forgot the charger. How long does it run?", "How long does it run with the charger?"),
        ("How long does Ficta take to thaw a pizza?", "How long does it take until a pizza is frozen in Ficta?"),
        ("Which field in the form of Ficta is optional?", "Which field in the form of Ficta is mandatory?"),
    ],
)
def test_ways_roles_and_manners_are_other_questions(question: str, prompt: str) -> None:
    assert disagreement(question, [prompt], names=("Ficta",))
    assert disagreement(prompt, [question], names=("Ficta",))


@pytest.mark.parametrize(
    ("question", "prompt"),
    [
        ("Ficta, pictures > PDF?", "How does Ficta change pictures into PDF?"),
        ("What does a move cost, Bonn → Ulm?", "What is the price of moving from Bonn to Ulm?"),
        ("Whom did Ficta help with the move?", "Ficta helped Holm with the move."),
        ("What belonged to Ficta?", "Ficta owned Holm."),
        ("Who owned Ficta?", "To whom did Ficta belong?"),
        ("Who bought Ficta?", "Ficta was bought by Holm."),
        ("When was Ficta founded?", "Ficta, founded in 1999, makes clocks."),
        ("What must have happened at Ficta?", "What may have happened at Ficta?"),
        ("Can I enter with a dog?", "Is a dog allowed to enter?"),
        ("How long do I have to return it?", "In which time may I return it?"),
        ("What is due in May?", "What must I pay in that month?"),
        ("Good morning, when does Ficta close?", "When does Ficta close in the evening?"),
    ],
)
def test_other_words_for_the_same_way_or_role_are_none(question: str, prompt: str) -> None:
    assert disagreement(question, [prompt], names=("Ficta",)) is None
    assert disagreement(prompt, [question], names=("Ficta",)) is None


def test_what_was_said_before_counts_where_the_question_leaves_it_out() -> None:
    def differs(question: str, before: str) -> bool:
        return bool(disagreement(question, ["What is the fee for adults?"], turns=[before]))

    assert differs("What is the fee?", "I come with a child.")
    assert not differs("What is the fee?", "I come with my parents, all adults.")
    assert not differs("What is the fee for adults?", "I come with a child.")
    assert not differs("And my father?", "The fee for a child is 2 euros."), "it replaces what was said"
    move = ["What does a move from Ulm to Bonn cost?"]
    assert disagreement("What is the price?", move, turns=["They move things out of Bonn and to Ulm."])
    assert not disagreement("What is the price?", move, turns=["They move things out of Ulm and to Bonn."])


def test_no_word_is_of_two_slots() -> None:
    phrases = [
        phrase
        for slot in (PAIRS + TOLD_BY_THE_OTHER).split("\n")
        for phrase in {" ".join(map(stem, one.split())) for side in slot.split("|") for one in side.split(",") if slot}
    ]
    assert sorted(phrases) == sorted(set(phrases))


def test_what_differs_is_said_in_words() -> None:
    found = disagreement("What is the dose for 20 kg?", ["What is the dose for ten kilograms?"])
    assert str(found) == "20 kg against 10 kilograms"
    assert str(disagreement("What is the maximum?", ["What is the minimum?"])) == "maximum against minimum"


@pytest.mark.parametrize(
    ("question", "prompt", "reckoned"),
    [
        ("What do two nights cost?", "What does a night cost?", True),
        ("What is the fee a year?", "What is the monthly fee?", True),
        ("How many feet is it long?", "How many metres is it long?", True),
        ("What is the dose for 20 kg?", "What is the dose for 10 kg?", False),
        ("What is the maximum?", "What is the minimum?", False),
    ],
)
def test_what_may_be_reckoned_from_the_other_is_told_apart(question: str, prompt: str, reckoned: bool) -> None:
    found = disagreement(question, [prompt])
    assert found is not None
    assert (found.kind == AMOUNTS) is reckoned


def test_several_of_a_thing_count_only_where_an_amount_is_asked() -> None:
    assert disagreement("How do I add two users?", ["How do I add a user?"]) is None


def test_the_edition_of_a_year_is_none_that_an_edit_is_about_without_saying_so() -> None:
    asked = "Where is the 2014 edition of the cup held?"
    found = disagreement(asked, ["Where is the cup held?"])
    assert found is not None
    assert str(found) == "the 2014 edition against none of a year"
    assert disagreement(asked, ["Where was the cup of 2014 held?"]) is None
    assert disagreement(asked, ["Where is each edition of the cup held?"]) is None


def test_a_kind_that_only_one_of_them_names_says_nothing() -> None:
    assert disagreement("What is the dose?", ["What is the dose for 10 kg?"]) is None
    assert disagreement("What is the dose for 10 kg in 2024?", ["What is the dose for 10 kg?"]) is None


def test_a_kind_that_the_wordings_leave_open_is_free() -> None:
    wordings = ["Wake me at 7", "Wake me at 8"]
    assert disagreement("Wake me at 9", wordings) is None
    assert disagreement("Wake me at 9", [*wordings[:1], "Wake me tomorrow"]) is None
    assert disagreement("Wake me at 9", [wordings[0], "Please wake me at seven"])
    assert disagreement("Who is her mother?", ["Who is her father?", "Who is her mother?"]) is None


def test_values_in_the_name_of_the_subject_are_part_of_it() -> None:
    assert disagreement("Is the 3 in it?", ["Who makes the Boeing 747?"], names=["Boeing 747"]) is None
    assert (
        disagreement("Who is the mayor of North Borg?", ["Who leads South Borg?"], names=["North Borg", "South Borg"])
        is None
    )


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("How much leave do I get after 5 years?", "After 3 years staff have 28 days of leave."),
        ("Is the desk open on Sunday?", "The desk is open Monday to Friday from 9:00 to 17:00."),
        ("Who won in 2010?", "Berg won in 2011 and 2012."),
        ("What is on the fourth floor?", "The canteen is on floor 3."),
        ("Can I park for 3 hours?", "Visitors may park for up to 2 hours."),
        ("Was it built in 1875?", "It was built in the 20th century."),
        ("What does version 3 need?", "Kassbook 2 needs Java."),
        ("What is the maximum age?", "The minimum age is 18."),
        ("How many inches of it are left?", "26 yards of it are left."),
        ("How many francs did it cost?", "It cost 5,100 yen."),
        ("Which lift is for luggage heavier than a trunk?", "Luggage lighter than a trunk takes lift 1."),
    ],
)
def test_a_statement_has_to_hold_what_is_asked_with(question: str, statement: str) -> None:
    assert disagreement(question, [statement], statement=statement)


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("Who won in 2011?", "Berg won in 2011 and 2012."),
        ("How many yards of it are left?", "26 yards of it are left."),
        ("How many feet long is it?", "It is 3 metres, or 10 feet, long."),
        ("Who won before 2000?", "Berg won in 1998."),
        ("Who ruled in 1999?", "Berg ruled from 1998 to 2001."),
        ("What is on the third floor?", "The canteen is on floor 3."),
        ("Is the desk open on Monday?", "On weekdays the desk is open from 9:00 to 17:00."),
        ("Can I park for 30 minutes?", "Visitors may park for up to 2 hours."),
        ("When was it built in May?", "It was built on 3 May 1999."),
        ("Is there outdoor seating?", "No, all seats are indoors."),
        ("Who came before Berg?", "Berg came after Holm."),
        ("Which two sets did they win?", "They won the first set 25 to 9 and the third."),
    ],
)
def test_a_statement_that_holds_it_does_not_disagree(question: str, statement: str) -> None:
    assert disagreement(question, [statement], statement=statement) is None


def test_a_follow_up_takes_the_values_that_it_leaves_out_from_the_turn_before() -> None:
    prompt = ["How often is it given to a dog of 10 kg?"]
    turns = ["What is the dose for a dog of 20 kg?"]
    assert disagreement("And how often is it given?", prompt, turns=turns)
    assert disagreement("And to one of 10 kg?", prompt, turns=turns) is None


def test_who_does_something_to_a_subject_is_not_whom_it_does_it_to() -> None:
    edit = ["Who acquired Acme?"]
    assert disagreement("Who did Acme acquire?", edit, names=["Acme"])
    assert disagreement("Who was acquired by Acme?", edit, names=["Acme"])
    assert disagreement("By whom was Acme acquired?", edit, names=["Acme"]) is None
    assert disagreement("Who was Acme acquired by?", edit, names=["Acme"]) is None
