"""Figures read against others: worked out by hand, on outcomes small enough to count."""

import itertools
import random

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import ALL, GENERALIZATION, LOCALITY, PORTABILITY, RELIABILITY
from kedit_memory.evaluation.intervals import holm, randomisation_p, widened, wilson
from kedit_memory.evaluation.log import DONE, SHORTENED, Part, PartKey
from kedit_memory.evaluation.report import control
from kedit_memory.evaluation.report.compare import ranking
from kedit_memory.evaluation.report.compare_tables import setups, summary, tables
from kedit_memory.evaluation.report.saved import Measured
from kedit_memory.evaluation.report.tables import Entry, Table, markdown
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.compare.against import ENOUGH, Standing, compared_rows
from kedit_memory.evaluation.tasks.compare.measures import Observation
from kedit_memory.evaluation.tasks.compare.outcomes import Asked, Outcomes, outcomes_of
from kedit_memory.evaluation.tasks.compare.run import ComparePlan, Comparison

RUN = Run(task="compare", dataset="world", commit=None, config=None, data=None, model=None, machine="m")


def answers(right, *, seed=1, questions=1):
    """Of each case so many questions in a row, from a text of zeros and ones."""
    return {
        Asked(seed, place // questions, place % questions): letter == "1"
        for place, letter in enumerate(right.replace(" ", ""))
    }


def standing(method, setting=("batch", 12), **figures):
    """A method with answers by metric; a dot in a name stands before its kind."""
    named = {"reliability": RELIABILITY, "generalization": GENERALIZATION, "locality": LOCALITY, "alias": PORTABILITY}
    held = {
        (named[name], {"locality": "swapped", "alias": "alias"}.get(name, ALL)): found
        for name, found in figures.items()
    }
    row = Row(run=RUN, method=method, metric="rate", value=0.0, n=0, unit="share", edits=setting[1], seed=1)
    return Standing(setting=setting, row=row, outcomes=Outcomes(answers=held))


def by_kind(rows):
    return {(row["method"], row["metric"], row["kind"]): row for row in rows}


# Tests


@pytest.mark.parametrize(
    ("differences", "chance"),
    [
        ([1] * 8 + [-1] * 2 + [0] * 5, 112 / 1024),  # McNemar's: 2 (45 + 10 + 1) / 2^10
        ([1] * 6, 2 / 64),
        ([1, -1], 1.0),
        ([2, 1], 2 / 4),  # of 3, 1, -1, -3
        ([2, -1], 1.0),
        ([3, 1, -1], 6 / 8),  # of 5, 3, 3, 1 and their negatives
        ([0, 0], 1.0),
        ([], 1.0),
    ],
)
def test_chances_of_a_difference(differences, chance):
    assert randomisation_p(differences) == pytest.approx(chance, abs=1e-12)


def test_the_exact_test_is_all_swaps_counted():
    rng = random.Random(5)
    for _ in range(20):
        differences = [rng.randint(-3, 3) for _ in range(9)]
        swapped = [abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
                   for signs in itertools.product((1, -1), repeat=9)]  # fmt: skip
        wanted = sum(one >= abs(sum(differences)) for one in swapped) / len(swapped)
        assert randomisation_p(differences) == pytest.approx(wanted, abs=1e-12)


def test_many_cases_are_tested_in_a_moment():
    """Of 400 that differ 40 more go one way: as far out as the normal law says of (40 - 1) / sqrt(400)."""
    assert randomisation_p([1] * 220 + [-1] * 180 + [0] * 600) == pytest.approx(0.0510, abs=1e-3)
    assert randomisation_p([8] * 1000) == pytest.approx(2.0**-999)


def test_holm_by_hand():
    """0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 is not less than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_interval_of_no_width_tells_how_few_the_cases_are():
    assert widened((0.2, 0.4), 0.3, 5) == (0.2, 0.4)
    assert widened((1.0, 1.0), 1.0, 10) == pytest.approx((wilson(10, 10)[0], 2 - wilson(10, 10)[0]))


# Shares of the way


def test_the_share_of_the_way_by_hand():
    """From one of four to all four; a method with three is two thirds of the way."""
    held = [
        standing("unedited", reliability=answers("0001"), alias=answers("0000")),
        standing("oracle-scope", reliability=answers("1111"), alias=answers("0000")),
        standing("rome", reliability=answers("1101"), alias=answers("1111")),
    ]
    rows = by_kind(compared_rows(held, ()))
    way = rows["rome", "ratio", "way/reliability"]
    assert way["value"] == pytest.approx(2 / 3)
    assert way["low"] < 2 / 3 < way["high"] <= 1
    assert (way["n"], way["cases"], way["unit"]) == (4, 4, "share of the way")
    assert (way["mode"], way["planned"], way["edits"], way["seed"]) == ("batch", 12, 12, 1)
    assert set(rows) == {("rome", "ratio", "way/reliability")}, "to an oracle that is not ahead there is no way"


def test_only_what_all_were_asked_is_on_the_way():
    """The last edit, which the method did not make, is the one that the unedited model knows."""
    held = [
        standing("unedited", reliability=answers("000000000001")),
        standing("oracle-scope", reliability=answers("111111111111")),
        standing("slow", reliability=answers("11100")),
    ]
    way = by_kind(compared_rows(held, ()))["slow", "ratio", "way/reliability"]
    assert (way["value"], way["n"]) == (pytest.approx(3 / 5), 5)


def test_a_method_that_is_always_right_has_wilsons_interval():
    held = [
        standing("unedited", reliability=answers("0" * 12)),
        standing("oracle-scope", reliability=answers("1" * 12)),
        standing("memory:auto", reliability=answers("1" * 12)),
    ]
    way = by_kind(compared_rows(held, ()))["memory:auto", "ratio", "way/reliability"]
    assert (way["value"], way["low"], way["high"]) == (1, pytest.approx(wilson(12, 12)[0]), 1)


def test_intervals_of_a_way_are_as_wide_as_theory_says():
    """Between 0 and 1 the way is a share: of 400 cases half right, 1.96 sqrt(0.25 / 400) each side."""
    held = [
        standing("unedited", reliability=answers("0" * 400)),
        standing("oracle-scope", reliability=answers("1" * 400)),
        standing("half", reliability=answers("01" * 200)),
    ]
    way = by_kind(compared_rows(held, ()))["half", "ratio", "way/reliability"]
    assert (way["low"], way["high"]) == (pytest.approx(0.451, abs=0.008), pytest.approx(0.549, abs=0.008))


def test_the_score_is_a_harmonic_mean():
    parts = {"reliability": answers("1010"), "generalization": answers("1111"), "locality": answers("1000")}
    (row,) = compared_rows([standing("ft", **parts)], ())
    assert (row["metric"], row["kind"], row["value"]) == ("rate", "harmonic_mean", pytest.approx(3 / (2 + 1 + 4)))
    assert (row["n"], row["cases"]) == (4, 4)
    (none,) = compared_rows([standing("unedited", **parts | {"reliability": answers("0000")})], ())
    assert none["value"] == 0
    assert 0 == none["low"] < none["high"] < 1
    assert compared_rows([standing("ft", reliability=answers("1010"))], ()) == []


# Differences


def test_differences_by_hand():
    """Twelve cases: against a reference that is right in all, one method in four, another in all."""
    held = [
        standing("memory:auto", reliability=answers("1" * 12)),
        standing("rome", reliability=answers("1" * 4 + "0" * 8)),
        standing("serac", reliability=answers("1" * 12)),
        standing("ft", reliability=answers("1" * 7 + "0" * 5)),
    ]
    rows = by_kind(compared_rows(held, ("memory:auto", "absent")))
    assert {method for method, _, _ in rows} == {"rome", "serac", "ft"}
    rome, serac, tuned = (rows[name, RELIABILITY, "over/memory:auto"] for name in ("rome", "serac", "ft"))
    assert [one["value"] for one in (rome, serac, tuned)] == pytest.approx([-8 / 12, 0, -5 / 12])
    assert [one["p"] for one in (rome, serac, tuned)] == pytest.approx([2 / 2**8, 1, 2 / 2**5])
    assert [one["p_holm"] for one in (rome, serac, tuned)] == pytest.approx([6 / 2**8, 1, 4 / 2**5])
    assert (rome["unit"], rome["n"], rome["cases"]) == ("difference", 12, 12)
    unseen = wilson(0, 12)[1]
    assert (serac["low"], serac["high"]) == pytest.approx((-unseen, unseen)), "twelve alike are no certainty"


def test_pairs_tell_more_than_two_shares():
    """38 and 40 of 80, all 38 among the 40: drawn again, two of 80 are 0 to 5, as the binomial law says."""
    held = [
        standing("ft", reliability=answers("1" * 38 + "0" * 42)),
        standing("rome", reliability=answers("1" * 40 + "0" * 40)),
    ]
    (row,) = compared_rows(held, ("ft",))
    assert row["value"] == pytest.approx(2 / 80)
    assert (row["low"], row["high"]) == pytest.approx((0, 5 / 80))
    assert row["p"] == pytest.approx(0.5)


def test_what_is_asked_about_one_edit_is_one_case():
    """Twelve edits of four questions each; a difference of one edit in all its questions is no sure one."""
    one = "1111" + "0000" * 11
    held = [
        standing("ft", locality=answers("0000" * 12, questions=4)),
        standing("rome", locality=answers(one, questions=4)),
    ]
    (row,) = compared_rows(held, ("ft",))
    assert (row["value"], row["n"], row["cases"]) == (pytest.approx(4 / 48), 48, 12)
    assert (row["p"], row["low"]) == (1, 0), "swapped in one edit it is as large: 2 / 2"


def test_too_few_common_edits_are_not_tested():
    held = [
        standing("memory:auto", reliability=answers("1" * 12)),
        standing("slow", reliability=answers("0" * (ENOUGH - 1))),
        standing("rome", reliability=answers("0" * ENOUGH)),
        standing("elsewhere", setting=("single", 12), reliability=answers("0" * 12)),
    ]
    (row,) = compared_rows(held, ("memory:auto",))
    assert (row["method"], row["cases"], row["p_holm"]) == ("rome", ENOUGH, row["p"])


def test_seeds_count_together():
    both = answers("1" * 6, seed=1) | answers("1" * 6, seed=2)
    none = answers("0" * 6, seed=1) | answers("0" * 6, seed=2)
    (row,) = compared_rows([standing("ft", reliability=both), standing("kn", reliability=none)], ("ft",))
    assert (row["cases"], row["p"]) == (12, pytest.approx(2 / 2**12))


# Answers, kept


def test_which_observations_are_answers():
    observed = [
        Observation(metric=RELIABILITY, kind=ALL, case=3, total=1.0, question=0),
        Observation(metric=RELIABILITY, kind="teacher_forced", case=3, total=0.5, question=0),
        Observation(metric=LOCALITY, kind="swapped", case=3, total=0.0, question=5),
        Observation(metric=LOCALITY, kind="logits/swapped", case=3, total=0.0, question=5),
        Observation(metric="seconds", kind="edit", case=3, total=1.0),
    ]
    found = outcomes_of(observed, seed=7)
    assert found.answers == {(RELIABILITY, ALL): {(7, 3, 0): True}, (LOCALITY, "swapped"): {(7, 3, 5): False}}


def key(method, planned=2):
    return PartKey(method=method, mode="batch", planned=planned, seed=1)


# Tables


def measured(method, right, planned=12, unit="share", metric=RELIABILITY, kind=ALL):
    low, high = (0.1, 0.9) if len(set(right)) > 1 else wilson(right.count("1"), len(right))
    return Row(
        run=RUN, method=method, metric=metric, kind=kind, value=right.count("1") / len(right), low=low, high=high,
        n=len(right), unit=unit, edits=len(right), seed=1,
    ).flat() | {"mode": "batch", "planned": planned}  # fmt: skip


def comparison(given, references=None):
    """A comparison of methods whose answers are given, all of one batch of twelve."""
    held, rows = [], []
    for method, right in given.items():
        held.append(
            standing(method, reliability=answers(right), generalization=answers(right), locality=answers(right))
        )
        rows += [measured(method, right), measured(method, right, metric=LOCALITY, kind="swapped")]
    plan = ComparePlan(methods=tuple(given), edits=(12,), modes=("batch",), against=references)
    parts = (
        Part(key=key("rome", 12), status=DONE, edits=12),
        Part(key=key("kn", 12), status=SHORTENED, edits=0),
    )
    compared = compared_rows(held, plan.references)
    found = Comparison(plan=plan, rows=tuple(rows), compared=tuple(compared), parts=parts)
    return Measured(rows=(*rows, *compared), meta=found.told)


GIVEN = {
    "kn": "000",
    "ft": "100000000000",
    "rome": "111111000000",
    "oracle-edit": "1" * 12,
    "oracle-scope": "1" * 12,
    "memory:auto": "111111111110",
    "unedited": "0" * 12,
}


def test_tables_read_methods_against_controls_and_references():
    found = {table.title: table for table in tables(comparison(GIVEN))}
    assert list(found) == [
        "12 batch edits",
        "12 batch edits: share of the way from `unedited` to `oracle-scope`",
        "12 batch edits: against `memory:auto`",
        "12 batch edits: against `ft`",
        "12 batch edits: locality by kind",
    ]
    main, way, against = list(found.values())[:3]
    names = [line[0].text for line in main.rows]
    assert names == ["unedited", "oracle-edit", "oracle-scope", "memory:auto", "rome", "ft", "kn"], "then by score"
    few = dict(zip(main.head, main.rows[-1], strict=True))
    assert (few["edits"].text, few["reliability"].text, few["score"].text) == ("3 of 12", "0 of 3", "")
    assert few["reliability"].share is None, "three are no share"
    enough = dict(zip(main.head, main.rows[4], strict=True))
    assert (enough["edits"].text, enough["reliability"].text) == ("12", "0.50")
    assert enough["reliability"].detail == "(0.10 to 0.90; 12)"
    assert enough["score"].text == "0.50"
    assert main.note == "No time for more edits than in the table of fewer: `kn`."
    told = [(line[0].text, line[2].text) for line in way.rows]
    ways = [("oracle-edit", "1.00"), ("memory:auto", "0.92"), ("rome", "0.50"), ("ft", "0.08")]
    assert told == ways, "of three edits no share is told"
    assert against.head[:3] == ("method", "edits in common", "reliability")
    assert [line[0].text for line in against.rows] == ["unedited", "oracle-edit", "oracle-scope", "rome", "ft"]
    assert "`kn`" in against.note
    cell = against.rows[0][2]
    assert (cell.text, cell.strong) == ("-0.92", True)
    assert cell.detail.endswith("; 12; p 0.005)"), "2 / 2^11, first of five"
    assert not against.rows[1][2].strong
    assert against.rows[1][2].text == "+0.08"


def test_a_page_shows_the_largest_setting_and_the_scores_in_each():
    found = comparison(GIVEN)
    smaller = [row | {"planned": 6} for row in found.rows if row["method"] in ("ft", "rome")]
    (main, scores) = summary(Measured(rows=(*smaller, *found.rows), meta=found.meta), settings=True)
    assert main.title == "12 batch edits"
    assert main.head == ("method", "edits", "score", "reliability")
    assert [line[0].text for line in main.rows][3:] == ["memory:auto", "rome", "ft", "kn"]
    assert scores.head == ("method", "6 batch", "12 batch")
    told = {line[0].text: [cell.text for cell in line[1:]] for line in scores.rows}
    assert told["rome"] == ["0.50", "0.50"]
    assert told["kn"] == ["", "3 of 12"], "of too few edits how many were made"
    (only, *more) = summary(found, settings=True)
    assert (only.title, more) == ("12 batch edits", [])


def test_where_the_control_does_not_hold_nothing_is_ranked():
    """Without it, and where a model that is told the edits says no more of them than without."""
    silent = {name: said for name, said in GIVEN.items() if name != "oracle-edit"}
    for given in (silent, {**GIVEN, "oracle-edit": "100000000000"}):
        found = comparison(given)
        (main,) = (table for table in tables(found) if table.title == "12 batch edits")
        assert [line[0].text for line in main.rows][-4:] == ["ft", "rome", "memory:auto", "kn"], "as they came"
        assert ranking(found).startswith("**No ranking**")
    assert ranking(comparison(GIVEN)).startswith("The control holds: the model says 1.000 of the edits")
    alone = comparison({name: said for name, said in silent.items() if name in ("unedited", "ft")})
    assert ranking(alone).startswith("One method was measured, so that nothing is ranked; as to the control, `oracle-")


def test_a_control_has_to_meet_what_is_recorded(monkeypatch):
    rows = comparison(GIVEN).rows
    for value, holds in ((0.95, True), (0.8, False)):
        monkeypatch.setattr(control, "RECORDED", {(rows[0]["dataset"], ""): value})
        assert control.control_of(rows).holds is holds
        assert f"recorded are {value:.3f}" in control.control_of(rows).told


def test_a_reference_of_ones_own():
    found = [table.title for table in tables(comparison(GIVEN, ("rome",)))]
    assert "12 batch edits: against `rome`" in found
    assert not any("against `ft`" in title for title in found)
    with pytest.raises(
        InvalidInputError, match="nothing can be tested against 'mend', which is not compared; take of kn"
    ):
        comparison(GIVEN, ("mend",))


def test_seeds_make_enough_edits_together():
    """Six of twelve in each of two orders: twelve cases; of several seeds the mean, the lowest and the highest."""
    rows = [measured("ft", "111111") | {"seed": 1}, measured("ft", "100000") | {"seed": 2}]
    (one,) = setups(rows)
    assert (one.made, one.cases, one.enough) == (6, 12, True)
    value = one.figures[RELIABILITY, ALL]
    assert (value.value, value.low, value.high, value.n) == (pytest.approx(7 / 12), pytest.approx(1 / 6), 1, 12)
    (half,) = setups(rows[:1])
    assert not half.enough


def test_without_controls_there_is_no_way():
    titles = [table.title for table in tables(comparison({"rome": "1" * 12, "memory:auto": "1" * 12}))]
    assert not any("share of the way" in title for title in titles)


def test_a_table_as_markdown():
    rows = ((Entry(text="a|b"), Entry(text="+0.50", detail="(p 0.01)", strong=True), Entry(text="", faint=True)),)
    text = markdown(Table(title="of two", note="Said.", head=("method", "x", "y"), rows=rows))
    assert text == "## Of two\n\nSaid.\n\n| method | x | y |\n| --- | --- | --- |\n| a\\|b | **+0.50** (p 0.01) |  |\n"
