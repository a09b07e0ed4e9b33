"""What text is accepted, in which form it is kept, and how it is shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError
from kedit_memory.text import LONGEST_TEXT, clean, clean_line, shortened, verbatim, visible

CONTROLS = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))]
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t "), max_size=60)


@given(LINES)
def test_an_answer_is_kept_to_the_character(text: str) -> None:
    if not text.strip():
        with pytest.raises(InvalidInputError, match="x is empty"):
            verbatim(text, "x")
        return
    kept = verbatim(text, "x")
    assert kept in text
    assert not text.replace(kept, "", 1).strip()  # only outer whitespace is gone
    assert kept.split("\n")[1:] == text.rstrip().split("\n")[len(text.rstrip().split("\n")) - kept.count("\n") :]
    assert verbatim(kept, "x") == kept
    assert verbatim(text.replace("\n", "\r\n"), "x") == kept


def test_the_first_of_several_lines_keeps_its_indentation() -> None:
    assert verbatim("\n  \n    def f():\n        return 1  \n\n", "x") == "    def f():\n        return 1"
    assert verbatim("\t one line \n", "x") == "one line"


@given(LINES.filter(str.strip))
def test_a_question_is_in_normal_form_and_keeps_its_lines(text: str) -> None:
    kept = clean(text, "x")
    assert kept == unicodedata.normalize("NFC", text).strip()
    assert clean(kept, "x") == kept


@given(LINES.filter(str.strip), st.sampled_from([*CONTROLS, "\r", "\ud800"]))
def test_control_characters_are_refused_wherever_they_stand(text: str, bad: str) -> None:
    for form in (clean, verbatim, clean_line):
        with pytest.raises(InvalidInputError) as raised:
            form(f"a{bad}{text}", "x")
        assert "\n" not in str(raised.value)


@given(LINES, st.sampled_from("\n\t"))
def test_a_name_is_one_line(text: str, bad: str) -> None:
    with pytest.raises(InvalidInputError, match="printable text in one line"):
        clean_line(f"a{bad}{text}b", "x")
    assert clean_line(f"{bad}a b{bad}", "x") == "a b"


def test_the_longest_text() -> None:
    longest = "- item\n" * (LONGEST_TEXT // 7)
    assert verbatim(longest, "x") == longest.rstrip()
    for form in (clean, verbatim):
        with pytest.raises(InvalidInputError, match=f"{LONGEST_TEXT + 1} characters, {LONGEST_TEXT} are allowed"):
            form("x" * (LONGEST_TEXT + 1), "x")


@given(LINES.filter(str.strip), st.integers(2, 50))
def test_a_shortened_text_is_one_line_that_says_where_it_is_cut(text: str, width: int) -> None:
    short = shortened(text, width)
    assert "\n" not in short
    assert len(short) <= width
    assert short == text.strip() or (short.endswith("…") and text.strip().startswith(short[:-1]))


@given(LINES, st.sampled_from([*CONTROLS, "\r", *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]))
def test_what_steers_a_terminal_is_shown_as_an_escape(text: str, bad: str) -> None:
    shown = visible(text + bad)
    assert bad not in shown
    assert shown.isascii() or visible(shown) == shown
    assert visible("a\n\tb \u05d0\u200f") == "a\n\tb \u05d0\u200f"
