"""Definitions of new entities: the sets as they are read, scores checked by hand, every way to tell a definition."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.editors import load_editor
from kedit_memory.errors import CapabilityError, InvalidInputError, KeditError, NotFoundError, UnknownNameError
from kedit_memory.evaluation import method
from kedit_memory.evaluation.datasets.onoe import (
    BEYOND_DEFINITION,
    IN_DEFINITION,
    PARTS,
    POPULAR,
    Case,
    Masked,
    Probe,
    ecbd_set,
    entity_inferences_set,
    sample,
)
from kedit_memory.evaluation.rows import describe_run
from kedit_memory.evaluation.tasks.definitions.edited import REST, SPAN, edit_of
from kedit_memory.evaluation.tasks.definitions.measures import Asked, Judged, fits, judge
from kedit_memory.evaluation.tasks.definitions.results import Answered, Outcome
from kedit_memory.evaluation.tasks.definitions.rows import rows_of
from kedit_memory.evaluation.tasks.definitions.run import DefinitionPlan, DefinitionReport, run_definitions
from kedit_memory.models.formats import render
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.language import Reply
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import MAX_NEW_TOKENS, AnswersOne, Prompt

MASK = "<extra_id_0>"
RUN = describe_run("entity-inferences", "made")


def wrapped(text: str) -> str:
    return f"{MASK} {text} <extra_id_1>"


def inference(entity: str, gold: str, others: Sequence[str], place: str = "storm damage in") -> dict[str, Any]:
    """A row as Entity Inferences has them."""
    return {
        "ex_id": f"{entity} 1",
        "definition": f"{entity} was a storm that reached {MASK} in May.",
        "def_target": wrapped(gold),
        "ent_str": entity,
        "label": gold,
        "probe_sentences": {
            "template_0": {
                "probe_sentence": f"{entity} left {place} {MASK} .",
                "labels": [wrapped(one) for one in (*others, gold)],
            }
        },
    }


def cloze(entity: str, span: str, label: str) -> dict[str, Any]:
    """A row as ECBD has them."""
    return {
        "ex_id": f"{entity} 1",
        "definition": f"{entity} is a {MASK} of our time.",
        "def_target": wrapped(span),
        "ent_str": entity,
        "probe_sentences": {
            "template_0": {"probe_sentence": f"Many say {entity} was {MASK} for long.", "label": wrapped(label)}
        },
    }


def write(file: Path, rows: Sequence[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


STORMS = [
    inference("Ava", "Peru", ["Chad", "Laos"]),
    inference("Bo", "Chad", ["Peru", "Laos"]),
    inference("Cy", "Laos", ["Peru", "Chad"]),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of public sets with a few rows of either set."""
    write(tmp_path / "entity_inferences" / "disaster_explicit_attribute_independent.jsonl", STORMS)
    things = [cloze("Ava", "song", "a song"), cloze("Bo", "new bridge", "new bridge"), cloze("Cy", "film", "liked")]
    write(tmp_path / "ecbd" / f"{PARTS['np']}.jsonl", things)
    write(tmp_path / "ecbd" / f"{POPULAR}.jsonl", [cloze("Rome", "city", "old"), cloze("Nile", "river", "long")])
    return tmp_path


class Copying(AnswersOne):
    """A model of words: one that it was given before costs 1 nat, a word after it 2, any other 4."""

    name = "copying"
    fingerprint = "0"

    def __init__(self) -> None:
        self.scored: list[tuple[str, str]] = []

    def render(self, prompt: Prompt) -> str:
        return render(prompt.question, prompt.facts, prompt.passages)

    def continuation(self, prompt: Prompt, answer: str) -> str:  # noqa: ARG002
        return f" {answer}"

    def generate(self, prompts: Sequence[Prompt | str], **_: Any) -> list[str]:
        raise AssertionError(f"nothing is generated, {prompts} was asked")

    def answer_many(self, prompts: Sequence[Prompt], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
        raise AssertionError(f"nothing is generated, {prompts} was asked for {max_new_tokens}")

    def reply_many(self, prompts: Sequence[Prompt], **_: Any) -> list[Reply]:
        raise AssertionError(f"nothing is generated, {prompts} was asked")

    def log_probability(self, prompt: Prompt | str, continuation: str) -> list[float]:
        given = prompt if isinstance(prompt, str) else self.render(prompt)
        self.scored.append((given, continuation))
        words = continuation.split()
        return [-1.0 if word in given.split() else -2.0 if place else -4.0 for place, word in enumerate(words)]

    def log_probabilities(self, pairs: Sequence[tuple[Prompt | str, str]]) -> list[list[float]]:
        return [self.log_probability(*pair) for pair in pairs]


class Fixed(Copying):
    """A model whose log-probabilities are written down, by the text that goes on."""

    def __init__(self, known: Mapping[str, Sequence[float]]) -> None:
        super().__init__()
        self._known = known

    def log_probability(self, prompt: Prompt | str, continuation: str) -> list[float]:
        self.scored.append((prompt if isinstance(prompt, str) else self.render(prompt), continuation))
        return list(self._known[continuation])


def values(report: DefinitionReport, method: str) -> dict[tuple[str, str], float]:
    return {(row.metric, row.kind): row.value for row in report.rows if row.method == method}


# The sets


def test_entity_inferences_are_read_with_kinds_options_and_no_sentinel(data: Path) -> None:
    write(data / "entity_inferences" / "tv_show_implicit_attribute_dependent.jsonl", [inference("Dee", "x", ["y"])])
    found = entity_inferences_set(data)
    assert [case.kind for case in found.cases] == ["disaster_explicit"] * 3 + ["tv_show_implicit"]
    ava = found.cases[0]
    assert (ava.id, ava.entity, ava.target) == ("Ava 1", "Ava", "Peru")
    assert ava.description == "Ava was a storm that reached Peru in May."
    assert ava.probes == (
        Probe(text=Masked(left="Ava left storm damage in ", right=" ."), options=("Chad", "Laos", "Peru"), gold=2),
    )
    assert ava.probes[0].span == "Peru"
    assert (found.others, found.source) == ((), data / "entity_inferences")


def test_ecbd_is_read_with_the_popular_entities_and_says_what_definitions_hold(data: Path) -> None:
    found = ecbd_set(data, "np")
    kinds = {case.entity: case.kind for case in found.cases}
    assert kinds == {"Ava": IN_DEFINITION, "Bo": IN_DEFINITION, "Cy": BEYOND_DEFINITION}
    assert [case.entity for case in found.others] == ["Rome", "Nile"]
    assert found.cases[1].probes[0] == Probe(
        text=Masked(left="Many say Bo was ", right=" for long."), options=("new bridge",)
    )


def test_a_sample_keeps_the_order_and_depends_on_the_seed(data: Path) -> None:
    cases = tuple(replace(entity_inferences_set(data).cases[0], id=str(place)) for place in range(30))
    first = sample(cases, 10, seed=1)
    assert first == sample(cases, 10, seed=1) != sample(cases, 10, seed=2)
    places = [int(case.id) for case in first]
    assert places == sorted(set(places))
    assert sample(cases, None, seed=1) == sample(cases, 99, seed=1) == cases


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"probe_sentences": {}}, "row 2: no case with probe_sentences"),
        ({"definition": "Bo was a storm."}, f"row 2: definition has 0 masks {MASK}, one is needed"),
        ({"definition": f"{MASK} and {MASK}"}, "row 2: definition has 2 masks"),
        ({"def_target": wrapped("")}, "row 2: no text def_target"),
        ({"ent_str": None}, "row 2: no text ent_str"),
        ({"label": "Cuba"}, "row 2: the label 'Cuba' is none of labels"),
        (
            {"probe_sentences": {"template_0": {"probe_sentence": f"Bo {MASK}", "labels": ["a"]}}},
            "no list of two or more",
        ),
        ({"probe_sentences": {"template_0": "Bo"}}, "row 2: labels is no list of two or more texts"),
        (["Bo"], "row 2: no case with probe_sentences"),
    ],
)
def test_a_malformed_row_is_named(data: Path, change: Any, said: str) -> None:
    row = {**STORMS[1], **change} if isinstance(change, dict) else change
    write(data / "entity_inferences" / "disaster_explicit.jsonl", [STORMS[0], row])
    with pytest.raises(InvalidInputError, match=said):
        entity_inferences_set(data)


def test_an_absent_set_is_told_in_one_line(data: Path) -> None:
    for read in (entity_inferences_set, lambda folder: ecbd_set(folder, "np")):
        with pytest.raises(NotFoundError, match="name the folder of the public sets with --path or KEDIT_DATA"):
            read(data / "nowhere")
        with pytest.raises(NotFoundError, match="--path or KEDIT_DATA"):
            read(None)
    with pytest.raises(NotFoundError, match=r"all_ent_2020_2021_random_easy.jsonl; fetch this part of ECBD, or choose"):
        ecbd_set(data, "random-easy")
    with pytest.raises(UnknownNameError, match="no part of ECBD named 'np-eazy'; did you mean 'np-easy'"):
        ecbd_set(data, "np-eazy")
    for file in (data / "entity_inferences").iterdir():
        file.unlink()
    with pytest.raises(NotFoundError, match=r"holds no \.jsonl file"):
        entity_inferences_set(data)


# Scores


def probe(*options: str, left: str = "It is ", right: str = " now.", gold: int = 0) -> Probe:
    return Probe(text=Masked(left=left, right=right), options=options, gold=gold)


def asked(one: Probe) -> Asked:
    return Asked(prompt=Prompt(question=one.text.left), probe=one)


def test_options_are_chosen_by_total_by_what_follows_and_by_token() -> None:
    known = {" b": [-2.0], " c d": [-1.2, -1.2], " b now.": [-2.0, -3.0], " c d now.": [-1.2, -1.2, -0.5]}
    (found,) = judge(Fixed(known), [asked(probe("b", "c d", gold=1))])
    # In total b costs 2 and "c d" 2.4; with what follows 5 and 2.9; by token 2 and 1.2.
    assert found.chosen == {"all": 0, "with_right_context": 1, "per_token": 1}
    assert found.loss == pytest.approx(1.2)
    assert found.right_loss == pytest.approx(0.5)


def test_one_span_is_no_choice_and_may_have_nothing_behind_it() -> None:
    model = Fixed({" b c": [-1.0, -2.0], "x": [-4.0]})
    found = judge(model, [asked(probe("b c", right="")), asked(probe("x", left="It is(", right=""))])
    assert [(one.loss, one.right_loss, one.chosen) for one in found] == [(1.5, None, {}), (4.0, None, {})]
    assert model.scored[0] == ("It is", " b c")
    assert model.scored[1] == ("It is(", "x")  # no blank where the text has none


def test_the_right_context_is_left_out_where_it_is_not_asked_for() -> None:
    model = Fixed({" b": [-1.0]})
    (found,) = judge(model, [asked(probe("b"))], right=False)
    assert (found.loss, found.right_loss, len(model.scored)) == (1.0, None, 1)


def test_a_left_context_that_ends_like_a_sentence_is_no_question() -> None:
    model = Fixed({" Paul": [-1.0], " Paul now.": [-1.0, -1.0]})
    one = Asked(prompt=Prompt(question="It is St. ", facts=("A b.",)), probe=probe("Paul", left="It is St. "))
    judge(model, [one])
    assert {given for given, _ in model.scored} == {"Fact: A b.\nIt is St."}


def test_scores_of_a_transformer_are_those_of_its_tokens(tiny_gpt2_folder: Path) -> None:
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    one = probe("the king", "Paris", left="Fact: The capital of France is ", right=" of the north.")
    (found,) = judge(model, [asked(one)])
    given = "Fact: The capital of France is"
    spans = [model.log_probability(given, f" {option}") for option in one.options]
    whole = model.log_probability(given, " the king of the north.")
    assert found.loss == pytest.approx(-sum(spans[0]) / len(spans[0]), rel=1e-5)
    assert found.chosen["all"] == max((0, 1), key=lambda place: sum(spans[place]))
    behind = len(whole) - len(spans[0])
    assert found.right_loss == pytest.approx((sum(spans[0]) - sum(whole)) / behind, rel=1e-5)
    assert fits(model, asked(one))
    assert not fits(model, Asked(prompt=Prompt(question="north " * 300), probe=one))


# Figures


def answered(
    entity: str, loss: float, base: float, *, chosen: int = 0, before: int = 1, right: float = 1.0
) -> Answered:
    one = probe("a", "b")
    case = Case(id=entity, entity=entity, kind="k", definition=Masked(left="", right=""), target="t", probes=(one,))
    judged, unedited = (
        Judged(loss=value, right_loss=behind, chosen=dict.fromkeys(("all", "with_right_context", "per_token"), pick))
        for value, behind, pick in ((loss, right, chosen), (base, 2.0, before))
    )
    return Answered(case=case, probe=one, group=entity, judged=judged, base=unedited, context=True, own=False)


def test_figures_are_means_over_probes_against_the_unedited_model() -> None:
    told = [answered("A", 1.0, 2.0), answered("B", 3.0, 6.0, chosen=1), answered("C", 2.0, 1.0, before=0)]
    others = [answered("D", 2.0, 1.0, chosen=1, before=0), answered("E", 1.0, 1.0, before=0)]
    outcome = Outcome(method="m", edits=1, asked=4, told=told, others=others, learned=[True, False, True])
    outcome.refused["no subject"] += 1
    control = Outcome(method="random", told=[answered(one.case.id, 4.0, 0.0, chosen=1) for one in told])
    rows = {(row.metric, row.kind): row for row in rows_of(outcome, RUN, base="base", control=control, seed=1)}
    figure = {key: row.value for key, row in rows.items()}
    assert figure["accuracy", "all"] == figure["accuracy", "k"] == pytest.approx(2 / 3)
    assert figure["accuracy", "over_base"] == pytest.approx(1 / 3)
    assert figure["accuracy", "over_random"] == pytest.approx(2 / 3)
    assert figure["perplexity", "all"] == pytest.approx(math.exp(2))
    assert figure["perplexity", "over_base"] == pytest.approx(math.exp(2) - math.exp(3))
    assert figure["ratio", "perplexity_over_base"] == pytest.approx(math.exp(-1))
    assert figure["ratio", "perplexity_over_base/right_context"] == pytest.approx(math.exp(-1))
    assert figure["ratio", "perplexity_over_random"] == pytest.approx(math.exp(-2))
    assert figure["perplexity", "specificity"] == pytest.approx(math.exp(1.5))
    assert figure["ratio", "specificity_over_base"] == pytest.approx(math.exp(0.5))
    assert figure["accuracy", "specificity_over_base"] == pytest.approx(-0.5)
    assert figure["locality", "specificity"] == pytest.approx(0.5)
    assert figure["reliability", "all"] == pytest.approx(2 / 3)
    assert figure["rate", "not_taken"] == pytest.approx(1 / 4)
    row = rows["perplexity", "all"]
    assert row.low is not None
    assert row.high is not None
    assert math.exp(1) <= row.low < row.value < row.high <= math.exp(3)
    assert (row.n, row.edits, row.seed) == (3, 1, 1)


def test_a_group_is_drawn_as_one_and_all_alike_has_an_interval_still() -> None:
    told = [answered("A", 1.0, 1.0)] * 10 + [answered("B", 3.0, 1.0)] * 10
    rows = {
        (row.metric, row.kind): row
        for row in rows_of(Outcome(method="m", told=told), RUN, base="m", control=None, seed=1)
    }
    row = rows["perplexity", "all"]
    # Of two groups one in four samples holds the first alone, and one in four the second.
    assert (row.low, row.high) == (pytest.approx(math.exp(1)), pytest.approx(math.exp(3)))
    share = rows["accuracy", "all"]
    assert share.value == share.high == 1.0
    assert share.low is not None
    assert 0.2 < share.low < 0.5  # two entities, not twenty probes
    assert not {"ratio", "reliability", "fire"} & {metric for metric, _ in rows}
    assert rows_of(Outcome(method="m"), RUN, base="b", control=None, seed=1) == []


# The whole


def test_definitions_before_a_probe_against_no_and_another_definition(data: Path) -> None:
    model = Copying()
    methods = ("definition", "definition-as-fact", "random-definition", "retrieved-definition")
    report = run_definitions(DefinitionPlan(dataset="entity-inferences", methods=methods), data, model)
    base = values(report, "base")
    # Nothing that is asked was given: the first of three options is chosen, which is never right.
    assert base["accuracy", "all"] == 0.0
    assert base["perplexity", "all"] == pytest.approx(math.exp(4))
    assert base["perplexity", "right_context"] == pytest.approx(math.exp(2))
    for name in ("definition", "definition-as-fact", "retrieved-definition"):
        found = values(report, name)
        assert found["accuracy", "all"] == found["accuracy", "over_base"] == 1.0
        assert found["perplexity", "all"] == pytest.approx(math.e)
        assert found["ratio", "perplexity_over_base"] == pytest.approx(math.exp(-3))
        assert found["ratio", "perplexity_over_random"] == pytest.approx(math.exp(-3))
    assert values(report, "random-definition")["ratio", "perplexity_over_base"] == pytest.approx(1.0)
    found = values(report, "retrieved-definition")
    assert (found["fire", "all"], found["recall", "own_definition"]) == (1.0, 1.0)
    # Told of the others alone, the search still puts one of them before every probe.
    assert found["false_fire", "specificity"] == 1.0
    givens = {given for given, _ in model.scored}
    assert "Ava was a storm that reached Peru in May. Ava left storm damage in" in givens
    assert "Fact: Ava was a storm that reached Peru in May.\nAva left storm damage in" in givens
    assert "Passage: Ava was a storm that reached Peru in May.\nAva left storm damage in" in givens
    chance = values(report, "set")["accuracy", "chance"]
    assert chance == pytest.approx(1 / 3)


def test_paths_and_editors_that_cannot_are_left_out_with_why(data: Path) -> None:
    plan = DefinitionPlan(dataset="entity-inferences", methods=("memory:direct", "memory:grace", "memory:serac", "ft"))
    report = run_definitions(plan, data, Copying())
    assert {row.method for row in report.rows} == {"set", "base"}
    assert report.left_out["memory:direct"] == "this path says the stored text; it gives no probability of a text"
    assert set(report.left_out) == {"memory:direct", "memory:grace", "memory:serac", "ft"}
    assert "the editor ft needs a model with hidden states and weights" in report.left_out["ft"]


def test_a_miss_of_the_memory_leaves_no_trace_and_a_hit_is_read(data: Path) -> None:
    plan = DefinitionPlan(dataset="ecbd", part="np", methods=("definition", "memory:context"))
    model = Copying()
    report = run_definitions(plan, data, model, encoder="hashing")
    found = values(report, "memory:context")
    assert {row.edits for row in report.rows if row.method == "memory:context"} == {3}
    told = {one.case.entity: one for one in report.outcomes[2].told}
    assert all((one.judged is one.base) != one.context for one in told.values())
    assert found["false_fire", "specificity"] == 0.0
    assert found["ratio", "specificity_over_base"] == 1.0
    assert len(report.outcomes[2].others) == 2
    # A definition that is the very question is in scope, whatever decides.
    rows = [cloze("Ava", "song", "a song"), cloze("Bo", "new bridge", "old")]
    rows[1]["probe_sentences"]["template_0"]["probe_sentence"] = f"Bo is a new bridge of our time {MASK}"
    write(data / "ecbd" / f"{PARTS['np']}.jsonl", rows)
    report = run_definitions(plan, data, model, encoder="hashing")
    bo = next(one for one in report.outcomes[2].told if one.case.entity == "Bo")
    assert (bo.context, bo.own) == (True, True)
    assert values(report, "memory:context")["fire", "all"] == 0.5
    assert any(given.startswith("Fact: Bo is a new bridge of our time.\nBo is") for given, _ in model.scored)


def test_editors_teach_one_definition_at_a_time_and_leave_the_model_as_it_was(
    data: Path, tiny_gpt2_folder: Path
) -> None:
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    before = {name: weight.clone() for name, weight in model.model.state_dict().items()}
    plan = DefinitionPlan(dataset="ecbd", part="np", methods=("ft", "mend"), others=1)
    lines: list[str] = []
    report = run_definitions(plan, data, model, progress=lines.append)
    assert all(bool((weight == before[name]).all()) for name, weight in model.model.state_dict().items())
    outcome = report.outcomes[1]
    assert (len(outcome.told), len(outcome.others), outcome.learned) == (3, 3, [True] * 3)
    assert {one.case.entity for one in outcome.others} <= {"Rome", "Nile"}
    assert {one.group for one in outcome.others} == {"Ava", "Bo", "Cy"}
    found = values(report, "ft")
    assert found["ratio", "perplexity_over_base"] != 1.0
    assert found["reliability", "all"] == 1.0
    assert {row.edits for row in report.rows if row.method == "ft"} == {1}
    # The network that ships is for another model, which is said, not passed over.
    assert set(report.left_out) == {"mend"}
    assert lines[-1] == "mend: 0 probes asked, 3 definitions not taken"
    assert {"not_representable", "too_long", "tokens_per_word"} <= {
        row.kind for row in report.rows if row.method == "set"
    }


def test_rows_name_the_settings_of_their_editor(data: Path, tiny_gpt2_folder: Path) -> None:
    plan = DefinitionPlan(dataset="ecbd", part="np", methods=("definition", "ft-l"), others=0, preset="paper")
    report = run_definitions(plan, data, HuggingFaceModel.load(tiny_gpt2_folder, device="cpu"))
    named = {row.method: row.preset for row in report.rows}
    assert named == {"set": None, "base": None, "definition": None, "ft-l": "paper"}
    with pytest.raises(UnknownNameError, match="no preset named 'best'"):
        DefinitionPlan(dataset="ecbd", part="np", preset="best")


def test_a_definition_that_an_editor_cannot_take_is_counted(
    data: Path, tiny_gpt2_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = load_editor("rome", steps=2, tokens=50, prefixes=1)
    monkeypatch.setattr(method, "named_editor", lambda *_: quick)
    rows = [cloze("Ava", "song", "a song"), cloze("Bo", "bridge", "old"), cloze("Cy", "film", "liked")]
    rows[1]["definition"] = f"This is a {MASK} called Bo."
    write(data / "ecbd" / f"{PARTS['np']}.jsonl", rows)
    plan = DefinitionPlan(dataset="ecbd", part="np", methods=("rome",), others=0)
    report = run_definitions(plan, data, HuggingFaceModel.load(tiny_gpt2_folder, device="cpu"))
    found = {(row.metric, row.kind): row for row in report.rows if row.method == "rome"}
    assert found["rate", "not_taken"].value == pytest.approx(1 / 3)
    assert found["perplexity", "all"].n == found["ratio", "perplexity_over_base"].n == 2
    ((why, count),) = report.refused["rome"].items()
    assert (why, count) == ("edit number 1 (…) has no subject in its prompt, which this method needs; give subject=", 1)
    assert not report.left_out
    assert ("perplexity", "specificity") not in found


class Crowding:
    """An editor, and its own edits in force, that puts more text before every prompt than the model can read."""

    outcomes = ()

    def apply(self, model: HuggingFaceModel, edits: Sequence[Any]) -> "Crowding":
        self.model, self.count = model, len(edits)
        model.context = lambda prompt: replace(prompt, facts=("long " * 300,))
        return self

    def undo(self) -> None:
        self.model.context = None


def test_an_edit_that_leaves_no_room_for_the_probe_is_counted_and_taken_back(
    data: Path, tiny_gpt2_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, editor = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu"), Crowding()
    monkeypatch.setattr(method, "named_editor", lambda *_: editor)
    report = run_definitions(DefinitionPlan(dataset="ecbd", part="np", methods=("ike",)), data, model)
    assert editor.count == 1
    assert report.outcomes[1].refused.total() == 3
    assert "give less text before the question" in report.left_out["ike"]
    assert model.context is None


def test_what_an_editor_is_taught_of_a_definition() -> None:
    case = Case(
        id="1",
        entity="Bo",
        kind="k",
        definition=Masked(left="The Bo is ", right=" of wood."),
        target="a bridge",
        probes=(),
    )
    span, rest = edit_of(case, SPAN), edit_of(case, REST)
    assert (span.prompt, span.target, span.subject) == ("The Bo is", "a bridge", "Bo")
    assert (rest.prompt, rest.target, rest.subject) == ("The Bo", "is a bridge of wood.", "Bo")
    for nameless in (replace(case, entity="Cy"), replace(case, entity="of wood.")):
        with pytest.raises(InvalidInputError, match="does not name it with a text behind; teach the span"):
            edit_of(nameless, REST)


def test_probes_that_do_not_fit_the_window_are_counted_not_asked(data: Path, tiny_gpt2_folder: Path) -> None:
    long = cloze("Dee", "long " * 300, "new")
    file = data / "ecbd" / f"{PARTS['np']}.jsonl"
    write(file, [*map(json.loads, file.read_text("utf-8").splitlines()), long])
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    report = run_definitions(DefinitionPlan(dataset="ecbd", part="np", methods=("definition",)), data, model)
    assert values(report, "set")["rate", "too_long"] == pytest.approx(1 / 4)
    assert [len(outcome.told) for outcome in report.outcomes] == [3, 3]
    write(file, [cloze(entity, "long " * 300, "new") for entity in ("Dee", "Eve")])
    with pytest.raises(InvalidInputError, match="0 of 2 cases fit the window"):
        run_definitions(DefinitionPlan(dataset="ecbd", part="np"), data, model)


def test_a_model_that_reads_both_sides_or_gives_no_probability_is_refused(data: Path, tiny_t5_folder: Path) -> None:
    plan = DefinitionPlan(dataset="entity-inferences")
    with pytest.raises(CapabilityError, match="is an encoder-decoder; spans are scored from left to right"):
        run_definitions(plan, data, HuggingFaceModel.load(tiny_t5_folder, device="cpu"))
    with pytest.raises(CapabilityError, match="the probability of a span needs a model with log-probabilities"):
        run_definitions(plan, data, load_model("openai:m@http://127.0.0.1:9/v1"))


def test_one_entity_has_no_control(data: Path) -> None:
    rows = [STORMS[0], {**STORMS[0], "ex_id": "Ava 2"}]
    write(data / "entity_inferences" / "disaster_explicit_attribute_independent.jsonl", rows)
    with pytest.raises(InvalidInputError, match="all cases are about 'Ava'; give a set with two entities or more"):
        run_definitions(DefinitionPlan(dataset="entity-inferences"), data, Copying())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": "ecdb"}, "no set of definitions named 'ecdb'; did you mean 'ecbd'"),
        ({"dataset": "ecbd"}, "ecbd needs a part"),
        ({"part": "np"}, "entity-inferences has none"),
        ({"dataset": "ecbd", "part": "radnom"}, "no part of ECBD named 'radnom'; did you mean 'random'"),
        ({"methods": ("definitions",)}, "no method named 'definitions'; did you mean 'definition'"),
        ({"limit": 1}, "limit is 1; give 2 cases or more"),
        ({"others": -1}, "others is -1"),
        ({"taught": "spans"}, "no way to teach a definition named 'spans'; did you mean 'span'"),
    ],
)
def test_a_plan_says_what_is_wrong(change: dict[str, Any], said: str) -> None:
    with pytest.raises(KeditError, match=said):
        DefinitionPlan(**{"dataset": "entity-inferences"} | change)


def test_base_is_always_measured_first() -> None:
    assert DefinitionPlan(dataset="entity-inferences", methods=("ft", "base", "ft")).methods == ("base", "ft")
