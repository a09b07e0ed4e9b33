"""Questions with the passage that answers them, from public sets: what a floor of relevance is fitted and measured on.

Texts are cut into passages as `kedit ingest` does; of a long text the passage counts that holds the answer.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines
from kedit_memory.records import Passage
from kedit_memory.retrieval.splitting import split_text

_HEADING = re.compile(r"(?m)^#+ +(.*)$")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with the passage that answers it."""

    question: str
    passage: Passage


def asked(data: Path, name: str, count: int) -> list[Asked]:
    """A sample of a set, the same each time."""
    found = [one for one in _SETS[name](folder_of(data, name)) if one.passage.text]
    return random.Random(f"relevance:{name}").sample(found, min(count, len(found)))


def passages(data: Path, name: str, count: int) -> list[Passage]:
    """A sample of a set's passages, no text twice."""
    found = {one.passage.text: one.passage for one in _SETS[name](folder_of(data, name))}
    return random.Random(f"passages:{name}").sample(list(found.values()), min(count, len(found)))


def questions(data: Path, name: str, count: int) -> list[str]:
    """A sample of a set's questions, requests or commands."""
    folder = folder_of(data, name)
    reader = _QUESTIONS.get(name)
    found = list(reader(folder)) if reader else [one.question for one in _SETS[name](folder)]
    return random.Random(f"questions:{name}").sample(found, min(count, len(found)))


def _cut(question: str, text: str, title: str, answer: str = "") -> Iterator[Asked]:
    """The question with the passage that holds the answer, the first where none does."""
    parts = list(split_text(text, title=title, source=None))
    holding = [part for part in parts if answer and answer in part.text]
    yield from (Asked(question=question, passage=part) for part in (holding or parts)[:1])


def _squad(articles: list[dict[str, Any]]) -> Iterator[Asked]:
    for article in articles:
        title = article["title"].replace("_", " ")
        for paragraph in article["paragraphs"]:
            for row in paragraph["qas"]:
                if row.get("answers"):
                    yield from _cut(row["question"], paragraph["context"], title, row["answers"][0]["text"])


def _squad1(folder: Path) -> Iterator[Asked]:
    """Of SQuAD 1.1 the articles that are not in SQuAD 2.0."""
    fitted = read_json(folder.parent / "squad2_dev" / "squad2.0_dev_from_explorer.json")["data"]
    known = {article["title"] for article in fitted}
    articles = read_json(folder / "squad1.1_dev_from_explorer.json")["data"]
    yield from _squad([article for article in articles if article["title"] not in known])


def _boolq(folder: Path) -> Iterator[Asked]:
    for row in read_json_lines(folder / "dev.jsonl"):
        yield from _cut(row["question"], row["passage"], row.get("title", ""))


def _selqa(folder: Path) -> Iterator[Asked]:
    for row in read_json(folder / "selqa-ass-dev.json"):
        if row["answers"]:
            candidates = row["candidates"]
            yield from _cut(row["question"], " ".join(candidates), row["article"], candidates[row["answers"][0]])


def _dstc9(folder: Path) -> Iterator[Asked]:
    for domain, entities in read_json(folder / "knowledge.json").items():
        for entity in entities.values():
            for entry in entity["docs"].values():
                yield from _cut(entry["title"], entry["body"], entity["name"] or domain)


def _medquad(folder: Path) -> Iterator[Asked]:
    for row in read_json_lines(folder / "medquad_sample.jsonl"):
        yield from _cut(row["question"], row["answer"], row.get("focus") or "")


def _lfrqa(folder: Path) -> Iterator[Asked]:
    for file in sorted(folder.glob("*.jsonl")):
        for row in read_json_lines(file):
            yield from _cut(row["question"], row["answer"], "")


def _covid(folder: Path) -> Iterator[Asked]:
    for row in read_json_lines(folder / "faq_200327.jsonl"):
        if row["lang"] == "en":
            yield from _cut(row["question"], row["answer"], "")


def _handbook(folder: Path) -> Iterator[Asked]:
    """The headings that ask something, with the text below them."""
    for file in sorted(folder.rglob("*.md")):
        title = file.stem.split("__")[-1].replace("-", " ")
        _, *rest = _HEADING.split(file.read_text("utf-8"))
        for heading, text in zip(rest[::2], rest[1::2], strict=True):
            if heading.strip().endswith("?"):
                yield from _cut(heading.strip(), text.strip(), title)


def _nq_gold(folder: Path) -> Iterator[Asked]:
    for row in read_json_lines(folder / "nq-open-oracle.jsonl"):
        for one in row["ctxs"]:
            if one.get("isgold"):
                yield from _cut(row["question"], one["text"], one["title"], row["answers"][0])


def _lines(name: str) -> Callable[[Path], Iterator[str]]:
    return lambda folder: iter((folder / name).read_text("utf-8").splitlines())


def _of(name: str, field: str) -> Callable[[Path], Iterator[str]]:
    """A field of each row of a JSON file."""
    return lambda folder: (row[field] for row in read_json(folder / name))


def _mintaka(folder: Path) -> Iterator[str]:
    return (json.loads(line)["question"] for line in _lines("mintaka_dev_text.jsonl")(folder))


_SETS: Mapping[str, Callable[[Path], Iterator[Asked]]] = {
    "squad2_dev": lambda folder: _squad(read_json(folder / "squad2.0_dev_from_explorer.json")["data"]),
    "squad": _squad1,
    "boolq": _boolq,
    "selqa": _selqa,
    "policyqa": lambda folder: _squad(read_json(folder / "policyqa_test_part.json")["data"]),
    "dstc9_knowledge": _dstc9,
    "medquad_sample": _medquad,
    "lfrqa_sample": _lfrqa,
    "covid_qa_deepset": _covid,
    "handbook_policies": _handbook,
    "wiki_passages": _nq_gold,
}
_QUESTIONS: Mapping[str, Callable[[Path], Iterator[str]]] = {
    "nq_open": _of("nq_open_validation.json", "question"),
    "mintaka_dev": _mintaka,
    "hwu64": _lines("valid/seq.in"),
    "snips": _lines("valid/seq.in"),
}
