"""What is read takes time that grows with its length, not with the square of it, whatever it looks like."""

import time
from collections.abc import Callable

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Passage
from kedit_memory.retrieval.markup import read_html
from kedit_memory.retrieval.relevance import ENCODER, Relevance
from kedit_memory.retrieval.splitting import sentences, split_text
from kedit_memory.webpage import parse_html, to_markdown, to_text
from kedit_memory.words import words_asked, words_of

PAGES = {
    "paragraphs": "<p>a</p>",
    "open items": "<li>a ",
    "lists": "<ul><li>a</li></ul>",
    "rows": "<table><tr><td>a</td></tr></table>",
    "open headings": "<h1>a ",
    "line breaks": "a<br>",
    "rules": "a<hr>",
    "comments": "<!-- a -->b",
    "links": "<a href=x>y</a> ",
    "open": "<div>a ",
    "closed by another": "<i>a</b> ",
    "blanks": " ",
    "blanks as entities": "&#32;",
    "line ends": "\n",
    "angles": "<",
}
TEXTS = {
    "sentences": "The red tower stands by the river. ",
    "one word": "a",
    "digits": "1",
    "dots": ".",
    "open quotes": "\u201ca. ",
    "open brackets": "(a. ",
    "abbreviations": "Mr. ",
    "signs": "a&",
    "line ends": "\n ",
    "names": "It The A ",
    "accents": "e\u0301",
    "no blanks": "\u6771\u4eac",
}


def seconds(work: Callable[[str], object], text: str) -> float:
    """The least of three, of processor time: other processes do not count."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work(text)
        times.append(time.process_time() - start)
    return min(times)


def grows_with_length(work: Callable[[str], object], piece: str, size: int) -> bool:
    """Whether four times the text takes far less than sixteen times as long."""
    short, long = (piece * (count // len(piece)) for count in (size, 4 * size))
    return seconds(work, long) < 9 * seconds(work, short) + 0.05


def refused_or(work: Callable[[str], object]) -> Callable[[str], object]:
    def run(text: str) -> None:
        try:
            work(f"<p>x{text}y")
        except InvalidInputError as error:
            assert "nested too deeply" in str(error) or "holds no text" in str(error)  # noqa: PT017 - others are fine

    return run


def passages_of(text: str) -> list[Passage]:
    return list(read_html(text.encode(), title="t", source="s"))


@pytest.mark.parametrize("work", [passages_of, to_markdown, to_text], ids=lambda work: work.__name__)
@pytest.mark.parametrize("shape", PAGES)
def test_a_page(work: Callable[[str], object], shape: str) -> None:
    assert grows_with_length(refused_or(work), PAGES[shape], 8_000)


@pytest.mark.parametrize(
    "work",
    [
        lambda text: list(split_text(text, title="t", source=None)),
        lambda text: list(sentences(text)),
        lambda text: words_of(Passage(id="p", title="t", text=text)),
        words_asked,
    ],
    ids=["split_text", "sentences", "words_of", "words_asked"],
)
@pytest.mark.parametrize("shape", TEXTS)
def test_a_text(work: Callable[[str], object], shape: str) -> None:
    assert grows_with_length(work, TEXTS[shape], 15_000)


def test_elements_deep_in_each_other_are_refused_at_once() -> None:
    with pytest.raises(InvalidInputError, match="a page is nested too deeply, more than 512 elements in each other"):
        parse_html("<i>a</b> " * 300_000, "a page")
    assert parse_html("<i>" * 500 + "a", "a page").get_text() == "a"


def test_a_long_passage_costs_no_more_than_many_sentences() -> None:
    class Counting:
        name, revision, dimension = ENCODER, "1", 2
        read = 0

        def encode(self, texts):
            import numpy as np

            self.read += sum(map(len, texts))
            return np.ones((len(texts), 2), np.float32)

    found = []
    for count in (200, 20_000):
        text = " ".join(f"The tower number {number} stands by the river." for number in range(count))
        counting = Counting()
        Relevance(counting).features("Where is the tower?", [Passage(id="p", title="t", text=text)])
        found.append(counting.read)
    assert found[1] < 3 * found[0]
