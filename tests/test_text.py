"""What text is accepted, in which form it is kept, and how it is shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError
from kedit_memory.text import (
    LONGEST_KEY,
    LONGEST_LINE,
    LONGEST_TEXT,
    clean,
    clean_line,
    fold,
    fold_with_offsets,
    legible,
    name_key,
    shortened,
    tokens,
    verbatim,
    visible,
)

CONTROLS = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))]
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t "), max_size=60)


@given(st.text(st.characters() | st.sampled_from([*CONTROLS, "\ud800", "\u0958"]), max_size=60))
def test_whatever_is_read_of_any_text_is_accepted(text: str) -> None:
    read = legible(text, 50)
    assert len(read) <= 50
    if read.strip():
        assert clean(read, "x", 50) == read.strip()
    if not set(text) & {*CONTROLS, "\r"} and len(text) <= 25 and text.isprintable():
        assert read == unicodedata.normalize("NFC", text)


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


# What the same text is.

SAME = [
    ("São Tomé", "Sao Tome"),
    ("Moore’s law", "MOORE'S  LAW"),
    ("ʻAmr", "'amr"),
    ("“Who” is «he»?", '"who" is "he"?'),
    ("Saint‑Denis", "Saint-Denis"),
    ("1990–1995", "1990-1995"),
    ("−5", "-5"),
    ("Straße", "STRASSE"),
    ("İSTANBUL", "istanbul"),
    ("ılgaz", "Ilgaz"),
    ("Đà Nẵng", "Da Nang"),
    ("Æthelred", "aethelred"),
    ("Ὀδυσσεύς", "οδυσσευσ"),
    ("New\N{NO-BREAK SPACE}\t York\n", " new york"),
    ("co\N{SOFT HYPHEN}operate", "cooperate"),
    ("\N{ZERO WIDTH NO-BREAK SPACE}Oslo", "oslo"),
    ("ﬁne", "FINE"),
    ("Ａｎｎ", "ann"),
    ("ｶﾞｽ", "ガス"),
    ("か\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}", "が"),
    ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국"),
    ("за\N{COMBINING ACUTE ACCENT}мок", "ЗАМОК"),
    ("и\N{COMBINING BREVE}од", "йод"),
    ("مُحَمَّد", "محمد"),
    ("אָדָם", "אדם"),
    ("क\N{DEVANAGARI SIGN NUKTA}लम", "\N{DEVANAGARI LETTER QA}लम"),
]
DIFFERENT = [
    ("が", "か"),
    ("ぱ", "ば"),
    ("йод", "иод"),
    ("їжа", "іжа"),
    ("क", "क\N{DEVANAGARI SIGN VIRAMA}"),
    ("क़लम", "कलम"),
    ("कि", "की"),
    ("กา", "ก่า"),
    ("أمل", "امل"),
    ("ガス", "がす"),
    ("5", "-5"),
    ("C", "C++"),
    ("well-known", "well known"),
    ("US", "U.S."),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_ways_of_writing_the_same_text(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_marks_that_make_another_text(one: str, other: str) -> None:
    assert fold(one) != fold(other)
    assert name_key(one) != name_key(other)


TEXTS = st.text(st.one_of(st.characters(), st.sampled_from(" \t\u00a0\u0301\u3099\u0323がé’")), max_size=16)


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == once
    assert "  " not in once
    assert once.strip() == once


@given(TEXTS)
def test_each_folded_character_has_its_place_in_the_text(text: str) -> None:
    folded, offsets = fold_with_offsets(text)
    assert folded == fold(text)
    assert len(offsets) == len(folded) + 1
    assert offsets == sorted(offsets)
    for place, start in enumerate(offsets):
        if not place or offsets[place - 1] < start:  # of one character there may come several
            assert fold(text[:start]) == folded[:place].rstrip()
    assert all(0 <= place <= len(text) for place in offsets)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Moore’s law", "moore ' s law"),
        ("AT&T, C++", "at & t , c + +"),
        ("東京タワー", "東 京 タ ワ ー"),
        ("กรุงเทพ", "ก รุ ง เ ท พ"),
        ("नई दिल्ली", "नई दिल्ली"),
        ("3rd snake_case", "3rd snake _ case"),
        ("  ", ""),
    ],
)
def test_tokens_are_words_and_marks_and_characters_of_scripts_without_blanks(text: str, key: str) -> None:
    assert name_key(text) == key
    folded = fold(text)
    assert " ".join(folded[start:end] for start, end in tokens(folded)) == key


def test_a_very_long_name_goes_by_its_first_tokens() -> None:
    key = name_key("word " * 1_000_000)
    assert key == " ".join(["word"] * LONGEST_KEY)
    assert len(name_key("x" * 1_000_000)) <= LONGEST_LINE
