"""Answers of a sentence or more: stored as they are, or with the question that they answer."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines
from kedit_memory.evaluation.tasks.scope.answered import Answered, add_answered, statement
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.paragraphs import alike, cut, names_it, stands_alone

_LONGEST = 60  # words of an answer that is stored whole
_SHARED = 2  # content words that a question has from its answer
_READ = 2  # sentences of the answer of a FAQ
_TITLE = re.compile(
    r"[:?]| - |\b(your?|my|i|and|for|with|what|facts?|living|eating|about|guide|tests?|know|health|care|monitor)\b",
    re.IGNORECASE,
)
# Wordings of each type of question about an illness. Those for training are no others' wordings.
_FOR_TRAINING = {
    "information": ("What is {}?", "Explain {} to me.", "Can you tell me what {} means?"),
    "treatment": ("What are the treatments for {}?", "How do doctors treat {}?", "What helps against {}?"),
    "exams and tests": ("How is {} diagnosed?", "Which tests show {}?", "How do doctors find out about {}?"),
    "symptoms": ("What are the symptoms of {}?", "How would I notice {}?", "What are signs of {}?"),
    "causes": ("What causes {}?", "How does someone get {}?", "Where does {} come from?"),
    "prevention": ("How can I prevent {}?", "How do I avoid {}?", "Is there a way to keep from getting {}?"),
    "susceptibility": ("Who is at risk for {}?", "Who gets {}?", "Which people are likely to have {}?"),
    "complications": ("What are the complications of {}?", "What can {} lead to?", "How dangerous can {} become?"),
    "frequency": ("How common is {}?", "How many people are affected by {}?", "Is {} rare?"),
}
_FOR_MEASURING = {
    "information": ("Define {}.", "I keep hearing of {}. What is that?"),
    "treatment": ("Is {} curable, and how is it treated?", "What therapy is there for {}?"),
    "exams and tests": ("What examination tells whether it is {}?", "How is one tested for {}?"),
    "symptoms": ("What does {} feel like?", "By what symptoms is {} recognised?"),
    "causes": ("Why do people develop {}?", "What is the reason for {}?"),
    "prevention": ("What protects from {}?", "Can {} be prevented?"),
    "susceptibility": ("Am I in danger of getting {}?", "For whom is the risk of {} high?"),
    "complications": ("What happens if {} gets worse?", "Which other problems does {} bring?"),
    "frequency": ("How often does {} occur?", "What share of people has {}?"),
}


def long_answers_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """SelQA, BoolQ, LFRQA and MedQuAD.

    Jurczyk et al. 2016, Clark et al. 2019, Han et al. 2024, Ben Abacha and Demner-Fushman 2019. Of
    MedQuAD the answers are, and the types of question that it has; the wordings are the project's own.
    """
    builder = SetBuilder("long_answers", seed)
    found = [*_selqa(data), *_boolq(data), *_lfrqa(data), *_medquad(data)]
    add_answered(builder, found, of="article", trains=True)
    return builder.finished()


def _selqa(data: Path) -> Iterator[Answered]:
    """Sentences of articles with one or two wordings of a question; every other pair is stored as a FAQ."""
    asked: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for row in read_json(folder_of(data, "selqa") / "selqa-ass-dev.json"):
        if len(row["answers"]) == 1:
            asked[row["article"], row["candidates"][row["answers"][0]].strip()][row["question"].strip()] = None
    for place, ((article, text), questions) in enumerate(asked.items()):
        first, *others = questions
        if others and place % 2:
            yield Answered(group=article, prompt=first, target=text, questions=tuple(others))
        else:
            yield from _stated(article, text, *questions)


def _boolq(data: Path) -> Iterator[Answered]:
    """Short passages with a question of yes or no."""
    for row in read_json_lines(folder_of(data, "boolq") / "dev.jsonl"):
        yield from _stated(row["title"], row["passage"].replace("``", '"').replace("''", '"'), row["question"])


def _lfrqa(data: Path) -> Iterator[Answered]:
    folder = folder_of(data, "lfrqa_sample")
    for name in ("technology_900", "recreation_900"):
        for row in read_json_lines(folder / f"{name}.jsonl"):
            yield from _stated(row["qid"], row["answer"], row["question"])


def _medquad(data: Path) -> Iterator[Answered]:
    """Illnesses, each asked about for what its pages answer."""
    seen = set()
    for place, row in enumerate(read_json_lines(folder_of(data, "medquad_sample") / "medquad_sample.jsonl")):
        thing, kind = _thing(row), row["qtype"]
        if thing and kind in _FOR_TRAINING and (thing, kind) not in seen:
            seen.add((thing, kind))
            own = _FOR_TRAINING if part_by_hash(thing, trains=True) == TRAINING else _FOR_MEASURING
            texts = [text.format(thing) for text in own[kind]]
            first, *others = texts[place % len(texts) :] + texts[: place % len(texts)]
            yield Answered(
                group=thing, prompt=first, target=_start(row["answer"]), questions=tuple(others), subject=thing
            )


def _thing(row: Any) -> str:
    """What a page is about as it is named in a sentence; empty where the title of the page is no such name."""
    focus = re.sub(r"\s*\([^)]*\)$", "", row["focus"].strip())
    return "" if _TITLE.search(focus) or len(focus.split()) > 5 else focus


def _stated(group: str, text: str, *questions: str) -> Iterator[Answered]:
    """A statement with those of the questions that say what they are about, where it is short and stands alone."""
    line = " ".join(text.split())
    clear = [asked for asked in questions if alike(asked, line) >= _SHARED and names_it(asked, line)]
    if clear and stands_alone(line) and len(line.split()) <= _LONGEST:
        yield statement(group, line, *clear)


def _start(answer: str) -> str:
    """The first sentences of an answer."""
    return " ".join(cut(answer)[:_READ])
