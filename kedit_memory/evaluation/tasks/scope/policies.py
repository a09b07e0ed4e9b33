"""Rules of public offices as edits: what a page says, asked by people whom it concerns."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from kedit_memory.evaluation.datasets.public import folder_of, read_json, read_json_lines
from kedit_memory.evaluation.tasks.scope.answered import Answered, add_answered, statement
from kedit_memory.evaluation.tasks.scope.cases import ScopeSet, SetBuilder
from kedit_memory.evaluation.tasks.scope.paragraphs import alike

_LONGEST = 80  # words of a rule
_SHARED = 2  # content words that a question has from its rule
_TAG = re.compile(r"<[^>]+>")


def policies_set(data: Path, *, seed: int = 1) -> ScopeSet:
    """OR-ShARC (Gao et al. 2021) and, only for measuring, ConditionalQA (Sun et al. 2022), by page."""
    builder = SetBuilder("policies", seed)
    add_answered(builder, list(_sharc(data)), of="page", trains=True)
    add_answered(builder, list(_conditional(data)), of="page", trains=False)
    return builder.finished()


def _sharc(data: Path) -> Iterator[Answered]:
    folder = folder_of(data, "or_sharc")
    rules = read_json(folder / "id2snippet.json")
    questions: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for row in read_json_lines(folder / "open_retrieval_sharc_dev.json"):
        questions[_page(row["source_url"]), row["gold_snippet_id"]][row["question"].strip()] = None
    for (page, name), asked in questions.items():
        yield from _rule(page, _one_line(rules[name]), asked)


def _conditional(data: Path) -> Iterator[Answered]:
    """The rules that are the evidence of an answer; the situation of the one who asks is left out.

    Of rules of a page that share a line only the first is kept: a question about one may be about the other.
    """
    folder = folder_of(data, "conditionalqa")
    rules: dict[tuple[str, tuple[str, ...]], dict[str, None]] = defaultdict(dict)
    seen: set[tuple[str, str]] = set()  # pages and their lines
    for row in (row for name in ("dev", "train") for row in read_json(folder / f"{name}.json")):
        page = _page(row["url"])
        rule, lines = (page, tuple(row["evidences"])), {(page, line) for line in row["evidences"]}
        if lines and not row["not_answerable"] and (rule in rules or seen.isdisjoint(lines)):
            seen |= lines
            rules[rule][row["question"].strip()] = None
    for (page, rule_lines), asked in rules.items():
        yield from _rule(page, _listed(_TAG.sub("", line) for line in rule_lines), asked)


def _rule(page: str, text: str, questions: dict[str, None]) -> Iterator[Answered]:
    """A rule that is short, with the questions that say what they are about."""
    asked = [question for question in questions if alike(question, text) >= _SHARED]
    if asked and len(text.split()) <= _LONGEST:
        yield statement(page, text, *asked)


def _page(url: str) -> str:
    """The page of an office: its parts have addresses of their own."""
    return "/".join(url.split("/")[2:4])


def _one_line(text: str) -> str:
    """A rule without the marks of its headings and lists."""
    return _listed(re.sub(r"^[#*\s]*(\d+\. )?", "", line) for line in text.splitlines())


def _listed(lines: Iterator[str]) -> str:
    """Lines as one, each ended where it has no mark of its own."""
    kept = [line.strip() for line in lines if line.strip()]
    return " ".join(line if line[-1] in ".:;!?," else f"{line};" for line in kept).rstrip(";")
