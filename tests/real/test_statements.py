"""In which form a small chat model takes a stored question with its answer: each fact is asked for in other words."""

import pytest

from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.judges import DEFAULT, JUDGES
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.prompts import Prompt

pytestmark = pytest.mark.real

# What is stored, how it is asked for, the answer: made up, or another than a model knows.
FACTS = [
    ("What is the capital of Indonesia?", "Which city is Indonesia's capital?", "Nusantara"),
    ("Who leads the Halden Institute?", "Who is the head of the Halden Institute?", "Ann Berg"),
    (
        "Where is the head office of Quillhaven Ltd?",
        "In which town does Quillhaven Ltd have its head office?",
        "Tromsø",
    ),
    ("Who wrote Hamlet?", "Which author is Hamlet by?", "Christopher Marlowe"),
    ("When does the canteen open?", "At what time can I get into the canteen?", "10:30"),
    ("How many days of leave do new staff get?", "As a new member of staff, how much leave do I have?", "27"),
    ("What is the door code of the archive?", "Which code opens the archive's door?", "4419"),
    ("Which language is spoken in Brandmark Valley?", "What do people in Brandmark Valley speak?", "Ladin"),
    ("Who is the prime minister of Denmark?", "Who heads the government of Denmark?", "Jonas Friis"),
    ("What colour is the Harrow line on the map?", "On the map, how is the Harrow line drawn?", "violet"),
    ("Where was Marie Curie born?", "What is Marie Curie's place of birth?", "Gdańsk"),
    ("In which year was the Skagen bridge built?", "When was the Skagen bridge constructed?", "1974"),
    ("Who owns the Bluebird bakery?", "Who is the owner of the Bluebird bakery?", "Ines Duarte"),
    ("What does the annual permit cost?", "How much do I pay for the annual permit?", "CHF 145"),
    (
        "How do I reset the lamp?",
        "How can the lamp be put back to its factory settings?",
        "Hold the ring for ten seconds",
    ),
    ("Which river flows through Paris?", "What is the river of Paris called?", "the Loire"),
    ("What is the tallest mountain in Japan?", "Which of Japan's mountains is the highest?", "Mount Kita"),
    ("Who plays the detective in Nightfall?", "The detective in Nightfall: which actor is it?", "Sol Reyes"),
    ("What sport does Lionel Messi play?", "Lionel Messi is a professional in which sport?", "tennis"),
    ("When did the Orla mill close?", "In what year was the Orla mill shut down?", "1988"),
    ("Which team does Kari Moe play for?", "Kari Moe is on which team?", "Rosenheim"),
    ("What is the mother tongue of Pablo Picasso?", "Which language did Pablo Picasso grow up speaking?", "Basque"),
    ("Who founded Microsoft?", "By whom was Microsoft founded?", "Linus Torvalds"),
    ("How long is the warranty on the Nordkapp tent?", "For what period is the Nordkapp tent guaranteed?", "six years"),
]


def test_a_sentence_is_read_better_than_a_question_with_its_answer(smollm2):
    """How often the target was said when the form was chosen: 17 of 24 after sentences, 13 after plain lines."""
    said = {}
    for name, form in (("sentence", statement_of), ("plain", lambda asked, target: f"{asked} {target}")):
        prompts = [Prompt(question=reworded, facts=(form(asked, target),)) for asked, reworded, target in FACTS]
        answers = smollm2.answer_many(prompts)
        said[name] = sum(
            JUDGES[DEFAULT](answer, Question(text=reworded, accepted=(target,)))
            for answer, (_, reworded, target) in zip(answers, FACTS, strict=True)
        )
    assert said["sentence"] >= 16
    assert said["sentence"] > said["plain"]
