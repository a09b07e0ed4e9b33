"""Questions in a dialogue or in a long message: what they mean, what only tells, and what no turn may change."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.reader import Pair
from kedit_memory.records import Message
from kedit_memory.routing.asked import Act, Leaning, act_of, asking_parts, leaning
from kedit_memory.routing.dialogue import CHARACTERS, readings, spoken_by, turns_of, window
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier

STORY = (
    "Hello everybody,\n\nI hope you are well. We moved the office to the harbour last month and are still unpacking. "
    "The weather has been kind to us so far. {} The coffee machine has not arrived yet, so bring your own mugs. "
    "We will have cake on Friday.\n\nBest regards,\nIda Lund\nHead of Facilities\n+47 555 0199"
)


class WordModel:
    """A stand-in for the reader: the share of the wording's words that the question or its turns have."""

    fingerprint = "words"

    def scores(self, pairs: Sequence[Pair]) -> np.ndarray:
        return np.array([self._score(pair) for pair in pairs], np.float32)

    likeness = scores

    def _score(self, pair: Pair) -> float:
        asked = " ".join((*pair.turns, pair.question))
        wording, question = (set(text.casefold().replace("?", "").split()) for text in (pair.wording, asked))
        return len(wording & question) / len(wording)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        opened.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
        opened.add("Who is the head of Umbra?", "Bo Lie", subject="Umbra")
        opened.add("How long is the warranty on a kettle?", "Two years")
        yield opened


@pytest.fixture
def router(memory: EditMemory) -> Router:
    return Router(memory, verifier=ScopeVerifier(WordModel()), config=RouterConfig(path="direct"))


def asked(router: Router, *turns: str) -> str | None:
    """What the last of the turns, the user's and the assistant's one after the other, is answered with."""
    roles = ("user", "assistant") if len(turns) % 2 else ("assistant", "user")
    messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(turns)]
    found = router.explain(messages=messages).edits
    return found[0].edit.target if found else None


def test_a_pronoun_means_what_was_spoken_of(router):
    assert asked(router, "I have a question about Acme.", "Go ahead.", "Who is the head of it?") == "Ann Berg"
    assert asked(router, "Who is the head of Acme?", "Ann Berg is.", "And who is the head of Umbra?") == "Bo Lie"
    assert (
        asked(router, "A word on Acme.", "It sells rockets.", "And on Umbra.", "Yes?", "Who is its head?") == "Bo Lie"
    )
    assert asked(router, "How long is the warranty on a kettle?", "Two years.", "And on a toaster?") != "Ann Berg"


def test_a_name_in_the_question_wins_over_one_before_it(router):
    assert asked(router, "Who is the head of Acme?", "Ann Berg.", "And who is the head of Umbra then?") == "Bo Lie"


@pytest.mark.parametrize(
    "question",
    ["Who is now the head of Acme?", "How long is the warranty on a kettle bought here?", "Where is Borgen?"],
)
def test_what_stands_alone_is_decided_alike_after_other_turns(router, question):
    (alone,) = router.judge_many([question])
    turns = [Message("user", "Who is the head of Umbra?"), Message("assistant", "Bo Lie."), Message("user", question)]
    (after,) = router.judge_many([turns])
    assert (after.edit_id, after.score, after.fires) == (alone.edit_id, alone.score, alone.fires)


def test_only_the_last_turns_of_the_two_are_read():
    turns = [
        Message("user", "one"), Message("assistant", "two"), Message("user", "three"), Message("system", "none"),
        Message("assistant", "four"), Message("tool", "none"), Message("user", "five"), Message("assistant", "six"),
    ]  # fmt: skip
    assert window(turns) == ("three", "four", "five", "six")
    long = "a" * 50_000 + "b" * 50_000
    assert window([Message("user", long), Message("assistant", long)]) == ("b" * CHARACTERS, "a" * CHARACTERS)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "system", "content": "Be brief."}], "last message is the system's"),
        (
            [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "It"}],
            "last message is the assistant",
        ),
        ([{"role": "pirate", "content": "Who?"}], "role 'pirate'"),
        ([{"role": "user", "content": " "}], "question is empty"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "question is empty"),
        ([{"role": "user", "content": None}], "no text"),
        ([], "list of turns"),
        ("Who?", "list of turns"),
        (["Who?"], r"messages\[0\] is str"),
    ],
)
def test_what_is_no_dialogue_is_refused_in_one_line(router, messages, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        router.explain(messages=messages)
    assert "\n" not in str(caught.value)


def test_turns_that_say_nothing_are_passed_over(router):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": ""},
        {
            "role": "user",
            "content": [{"type": "text", "text": "A word on Acme."}, {"type": "image_url", "image_url": {}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "Umbra, Umbra, Umbra"},
        {"role": "assistant", "content": "\ud800 Yes?"},
        {"role": "user", "content": "Who is its head?"},
    ]
    assert turns_of(None, messages)[1][1] == Message("user", "A word on Acme.")
    assert router.explain(messages=messages).edits[0].edit.target == "Ann Berg"


def test_many_dialogues_are_asked_at_once(router):
    turns = [Message("user", "A word on Acme."), Message("assistant", "Yes?"), Message("user", "Who is its head?")]
    answers = router.query_many(["Who is the head of Umbra?", turns, [Message("system", "Be brief.")]])
    assert [one.text for one in answers[:2]] == ["Bo Lie", "Ann Berg"]
    assert answers[2].reason.startswith("questions[2]: the last message is the system's")
    assert answers[1].turns == tuple(turns[:2])


def test_a_question_within_a_long_message_is_found(router):
    for question in ("Who is the head of Acme?", "Could you tell me who is the head of Acme?"):
        assert router.explain(STORY.format(question)).edits[0].edit.target == "Ann Berg"
    assert not router.explain(STORY.format("I met the head of Acme there.")).edits
    assert router.explain(STORY.format("Somebody spoke of Acme. Who is the head of it?")).edits
    code = "```\n" + "Who is the head of Umbra?\n" * 20 + "```\n\nWho is the head of Acme?"
    assert router.explain(code).edits[0].edit.target == "Ann Berg"


def test_a_long_wording_of_an_edit_is_its_own(memory, router):
    wording = STORY.format("Nobody asks anything here.")
    memory.add(wording, "Noted.")
    assert router.explain(wording).edits[0].edit.target == "Noted."


@pytest.mark.parametrize(
    "message",
    [
        "I read about the head of Acme yesterday.",
        "Thanks for telling me who is the head of Acme.",
        "The head of Acme is Ann Berg.",
        "We had lunch with the head of Acme.",
    ],
)
def test_a_mention_that_asks_nothing_does_not_fire(router, message):
    assert not router.explain(message).edits


def test_a_case_that_is_described_calls_for_what_is_stored_for_it(memory, router):
    edit = memory.add("I lost my card", "Block it in the app.", paraphrases=["My card is gone."])
    assert router.explain("Yesterday I lost my card.").edits[0].edit.id == edit.id
    memory.add("The office closes at five on Fridays.")
    assert not router.explain("The office closes at five on Fridays, I know.").edits


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("Who leads Acme?", Act.ASKS),
        ("The head of Acme is", Act.ASKS),
        ("Acme head", Act.ASKS),
        ("I would like to know the price of it.", Act.ASKS),
        ("I read about Acme, who leads it?", Act.ASKS),
        ("Thanks for that, who leads it now", Act.ASKS),
        ("I lost my card.", Act.STATES),
        ("Thank you very much for the price.", Act.TELLS),
        ("Danke für die Auskunft.", Act.TELLS),
        ("My brother has just told me a lot of things.", Act.STATES),
        ("We talked at length about Acme.", Act.TELLS),
    ],
)
def test_what_somebody_does_by_a_sentence(text, act):
    assert act_of(text) is act


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("Who leads Acme?", Leaning.NOT),
        ("When did Ann Berg say that she leaves?", Leaning.NOT),
        ("How do I change the password of my work account?", Leaning.NOT),
        ("What is the price?", Leaning.PERHAPS),
        ("And who was it before him?", Leaning.WHOLLY),
        ("What about the 20 kg one?", Leaning.WHOLLY),
        ("Why?", Leaning.WHOLLY),
        ("Who is its head?", Leaning.WHOLLY),
        ("Wer war es vor ihm?", Leaning.WHOLLY),
        ("他是谁？", Leaning.WHOLLY),
        ("那价格呢？", Leaning.WHOLLY),
    ],
)
def test_how_much_a_question_leans_on_what_was_said(question, leans):
    assert leaning(question) is leans


def test_a_number_in_the_sentence_before_goes_with_a_question():
    told = STORY.format("The dog weighs 20 kg. How much of the syrup may the dog have?")
    assert readings(told) == [("How much of the syrup may the dog have?", ("The dog weighs 20 kg.",))]


def test_few_sentences_of_a_very_long_message_are_read_and_soon(router):
    message = "Is anybody there? We are waiting at the gate. " * 2_200
    assert len(message) > 100_000
    assert len(asking_parts(message)) == 12
    router.explain("Who?")
    started = time.process_time()
    assert router.explain(message + "Who is the head of Acme?").edits
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ("Who leads Acme? Never mind. How long is a marathon?", "Never mind. How long is a marathon?"),
        ("Who leads Acme? Oh, forget it; what is seven times eight?", "Oh, forget it; what is seven times eight?"),
        (
            "Who leads Acme?\nScratch that, write a limerick about a goat.",
            "Scratch that, write a limerick about a goat.",
        ),
        ("Who leads Acme? Never mind.", "Never mind."),
        ("Who leads Acme? Skip that, how do tides work?", "Skip that, how do tides work?"),
        ("Who leads Acme? Sorry, drop my last question. What is jazz?", "Sorry, drop my last question. What is jazz?"),
        ("Who leads Acme? It doesn't matter any more. What is jazz?", "It doesn't matter any more. What is jazz?"),
        ("Who leads Acme? I've already figured it out. What is jazz?", "I've already figured it out. What is jazz?"),
        ("Who leads Acme? Not important now; tell me a story.", "Not important now; tell me a story."),
        ("Who leads Acme? First, tell me what a quark is.", "First, tell me what a quark is."),
        ("Who leads Acme? Hang on: how do tides work?", "Hang on: how do tides work?"),
        ("User: Who leads Acme? Assistant: I told you. User: What is seven times eight?", "What is seven times eight?"),
    ],
)
def test_what_was_taken_back_is_not_asked(message: str, asked: str) -> None:
    assert asking_parts(message)[0][0] == asked
    assert not any("Acme" in part or "Acme" in before for part, before in asking_parts(message))


@pytest.mark.parametrize(
    "message",
    [
        "Who founded Acme? No wait, who leads it now?",
        "Never mind the price. Who leads Acme?",
        "I forget it, who leads Acme?",
        "The parcel is here. Leave it at the desk of whom at Acme?",
        "I want to know who leads Acme. No matter what they say, who leads it?",
        "I lost the note. I know that somebody leads Acme, but who?",
    ],
)
def test_what_is_leant_on_is_not_taken_back(message: str) -> None:
    assert asking_parts(message)[0][0] == message


def test_the_texts_of_one_speaker():
    parts = [{"type": "text", "text": "two"}, {"type": "image_url", "image_url": {}}]
    messages = [Message("user", "one"), {"role": "assistant", "content": "no"}, {"role": "user", "content": parts}]
    assert spoken_by("user", messages) == ["one", "two"]
    assert spoken_by("assistant", messages) == ["no"]
    assert spoken_by("user", []) == []
    with pytest.raises(InvalidInputError, match="messages must be a list"):
        spoken_by("user", "one")


def test_a_hostile_pasted_dialogue_takes_no_longer_than_it_is() -> None:
    started = time.process_time()
    asking_parts("User: " + "a: " * 60_000)
    asking_parts("User: " + "A: no. User: " * 15_000)
    assert time.process_time() - started < 3
