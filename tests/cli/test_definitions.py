"""`kedit evaluate entity-inferences` and `ecbd`: rows for machines, a table for people, one line for what is wrong."""

import json
from pathlib import Path

import pytest

from .conftest import Kedit, Outcome

MASK = "<extra_id_0>"


def evaluate(kedit: Kedit, *words: object) -> Outcome:
    return kedit("evaluate", *words, "--device", "cpu", "--encoder", "hashing", store=False)


def row(entity: str, gold: str) -> dict[str, object]:
    """A case of two sets at once: with options for Entity Inferences, with a label for ECBD."""
    labels = [f"{MASK} {one} <extra_id_1>" for one in ("France", "Japan", "Peru")]
    probe = {
        "probe_sentence": f"{entity} left damage in {MASK}.",
        "labels": labels,
        "label": f"{MASK} {gold} <extra_id_1>",
    }
    return {
        "ex_id": f"{entity} 1",
        "ent_str": entity,
        "definition": f"{entity} was a storm that reached {MASK} in May.",
        "def_target": f"{MASK} {gold} <extra_id_1>",
        "label": gold,
        "probe_sentences": {"template_0": probe},
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of public sets."""
    lines = "".join(json.dumps(row(*one)) + "\n" for one in (("Ava", "France"), ("Bo", "Japan"), ("Cy", "Peru")))
    for name in (
        "entity_inferences/disaster_explicit_attribute_independent",
        "ecbd/all_ent_2020_2021_np_easy",
        "ecbd/specificity_popular_20np_20random",
    ):
        file = tmp_path / f"{name}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text(lines, "utf-8")
    return tmp_path


def test_rows_of_both_sets_make_the_page(kedit: Kedit, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    methods = ("--methods", "definition,random-definition,memory:context,memory:direct,mend", "--others", 1)
    saved = []
    for words in (("entity-inferences", "--limit", 3), ("ecbd", "--part", "np-easy")):
        drawn = tmp_path / f"{words[0]}.svg"
        outcome = evaluate(kedit, *words, *methods, "--path", data, "--worst", 1, "--picture", drawn, "--json")
        assert outcome.status == 0, outcome.err
        assert drawn.stat().st_size > 5000
        document = json.loads(outcome.out)
        assert {one["task"] for one in document["rows"]} == {words[0]}
        assert document["meta"]["plan"]["methods"][0] == "base"
        assert "memory:direct" in document["meta"]["left_out"]
        assert "definition: 3 of 3 probes changed" in outcome.err
        assert "memory:context: 3 probes asked" in outcome.err
        saved.append(tmp_path / f"{words[0]}.json")
        saved[-1].write_text(outcome.out, "utf-8")
    page = tmp_path / "page.md"
    assert kedit("report", *saved, "--output", page, store=False).status == 0
    text = page.read_text("utf-8")
    assert "## entity-inferences\n" in text
    assert "(page-ecbd-np-easy.png)" in text
    assert (tmp_path / "page-ecbd-np-easy.png").stat().st_size > 5000
    assert (tmp_path / "page-entity-inferences.png").is_file()
    assert "## ecbd, part np-easy\n" in text
    assert "guessing gives an accuracy of 0.333" in text
    assert "`memory:direct` was left out: this path says the stored text; it gives no probability of a text." in text
    assert "| `memory:context` | 3 |" in text
    wanted = next(one for one in json.loads(saved[1].read_text("utf-8"))["rows"] if one["metric"] == "perplexity")
    assert f"| {wanted['value']:,.0f} (" in text or f"| {wanted['value']:.1f} (" in text


def test_people_read_a_table(kedit: Kedit, data: Path) -> None:
    outcome = evaluate(kedit, "ecbd", "--part", "np-easy", "--methods", "definition,mend,memory:grace", "--path", data)
    assert outcome.status == 0, outcome.err
    assert "to base" in outcome.out
    assert "memory:grace was left out: this path learns the answer to one prompt" in outcome.out
    assert "rate/too_long: 0.000 share (n 3)" in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ecbd", "--part", "nq"), "no part of ECBD named 'nq'"),
        (("ecbd", "--part", "random"), "all_ent_2020_2021_random_500samples.jsonl; fetch this part of ECBD"),
        (("ecbd", "--methods", "fine-tuning"), "no method named 'fine-tuning'"),
        (("entity-inferences", "--methods", ","), "--methods is empty; name one or more"),
        (("entity-inferences", "--teach", "name"), "no way to teach a definition named 'name'"),
        (("entity-inferences", "--picture", "plot.txt"), "plot.txt is no picture's name; let it end in one of"),
        (("entity-inferences", "--limit", 1), "limit is 1; give 2 cases or more"),
        (("entity-inferences", "--model", "openai:m@http://127.0.0.1:9/v1"), "needs a model with log-probabilities"),
    ],
)
def test_bad_input_is_told_in_one_line(kedit: Kedit, data: Path, words: tuple[object, ...], message: str) -> None:
    device = () if "--model" in words else ("--device", "cpu")
    outcome = kedit("evaluate", *words, "--path", data, *device, store=False)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_absent_sets_are_told_in_one_line(kedit: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = evaluate(kedit, "ecbd", "--path", tmp_path / "nowhere")
    assert outcome.status == 2
    assert "nowhere; name the folder of the public sets with --path or KEDIT_DATA" in outcome.err
    monkeypatch.setenv("KEDIT_DATA", str(tmp_path))
    outcome = evaluate(kedit, "entity-inferences")
    assert outcome.status == 2
    assert f"no folder {tmp_path}/entity_inferences; name the folder" in outcome.err
    assert outcome.err.count("\n") == 1
