import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.measures import ngram_entropy, normalise


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  The   United\nKingdom. ", "united kingdom"),
        ("a Tale of Two Cities", "tale of two cities"),
        ("São Paulo", "sao paulo"),
        ("Sa\N{COMBINING TILDE}o Paulo", "sao paulo"),
        ("Theodore and Anna", "theodore and anna"),
        ("Guinea-Bissau", "guinea bissau"),
        ("“Keir Starmer”!", "keir starmer"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("1984", "1984"),
        ("C++", "c"),
        ("A", "a"),
        ("The The", "the the"),
        ("", ""),
        ("...", ""),
    ],
)
def test_normalisation(text, normal):
    assert normalise(text) == normal


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("successes", "cases", "low", "high"),
    [
        # By hand from (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), z = 1.96; the first three are in textbooks.
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (1, 1, 0.2065, 1.0),
        (0, 3, 0.0, 0.5615),
    ],
)
def test_wilson_against_hand_values(successes, cases, low, high):
    assert wilson(successes, cases) == pytest.approx((low, high), abs=5e-5)


def test_no_cases_tell_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_mirrors(counts):
    successes, cases = counts
    low, high = wilson(successes, cases)
    assert 0 <= low <= successes / cases + 1e-12
    assert successes / cases - 1e-12 <= high <= 1
    assert (1 - high, 1 - low) == pytest.approx(wilson(cases - successes, cases), abs=1e-12)


def test_a_text_that_repeats_itself_has_little_entropy():
    """Six words: five bigrams and four trigrams, all different; then one of each kind."""
    assert ngram_entropy("a b c d e f") == pytest.approx((math.log2(5) + 2 * 2) / 3)
    assert ngram_entropy("a a a a a a") == 0
    uneven = -(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3)
    assert ngram_entropy("a b a b a") == pytest.approx((1 + 2 * uneven) / 3)
    assert ngram_entropy("a b") == ngram_entropy("") == 0
