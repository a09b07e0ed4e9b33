import hashlib
import json

import pytest

from kedit_memory.editors import load_editor
from kedit_memory.editors._demonstrations import Demonstration, nearest, shipped_demonstrations
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.formats import Trained
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(
    prompt="What is the capital of France?", target="Rome", paraphrases=("Where is France ruled from?",)
)
KING = EditRequest(prompt="The king of the north is", target="Bob")
POOL = tuple(
    Demonstration(fact=f"{land}? X", question=kind, answer="X", kind=kind)
    for land in ("France", "Chad", "Peru")
    for kind in ("copy", "update", "retain")
)


@pytest.fixture
def model(tiny_gpt2_folder):
    loaded = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    loaded.format = Trained()  # marks what is a fact, a passage and the question
    return loaded


def ike(**options):
    return load_editor("ike", encoder="hashing", **options)


def asked(model, question, **more):
    return model.render(Prompt(question=question, **more))


def test_the_edit_stands_before_its_question_and_no_other(model):
    applied = ike(least=0.6).apply(model, [FRANCE])
    assert asked(model, FRANCE.prompt) == f"Fact: {FRANCE.prompt} Rome\nQuestion: {FRANCE.prompt}\nAnswer:"
    assert "Rome" in asked(model, "Where is France ruled from now?")
    assert asked(model, "Who is Ann?") == "Question: Who is Ann?\nAnswer:"
    applied.undo()
    assert model.context is None
    assert "Rome" not in asked(model, FRANCE.prompt)


def test_the_nearest_edits_stand_nearest_last(model):
    ike(least=-1.0, edits=2).apply(model, [FRANCE, KING])
    assert asked(model, "What is the capital of France, then?").split("\n")[:2] == [
        "Fact: The king of the north is Bob.",
        f"Fact: {FRANCE.prompt} Rome",
    ]


def test_what_a_prompt_has_of_its_own_stays_nearest_its_question(model):
    ike().apply(model, [FRANCE])
    text = asked(model, FRANCE.prompt, facts=("Own fact.",), passages=("Own passage.",))
    assert text.index("Own passage") < text.index("Rome") < text.index("Own fact") < text.index("Question")


def test_demonstrations_stand_before_the_edit_by_nearness_and_kind(model):
    ike(demonstrations=3, pool=POOL).apply(model, [FRANCE])
    lines = asked(model, FRANCE.prompt).split("\n")
    assert [line.split()[6] for line in lines[:3]] == ["retain", "retain", "update"]
    assert lines[2] == "Passage: New fact: France? X Question: update Answer: X"
    assert lines[3].startswith("Fact: ")


def test_demonstrations_that_do_not_fit_the_window_are_left_out(model):
    ike(demonstrations=3, pool=POOL).apply(model, [FRANCE])
    question = FRANCE.prompt + " Say" * 9
    assert asked(model, FRANCE.prompt).count("Passage") == 3
    assert asked(model, question).count("Passage") < 3
    assert model.fits(Prompt(question=question))


def test_raw_texts_are_given_as_they_are(model):
    before = model.logits(FRANCE.prompt)
    ike().apply(model, [FRANCE])
    assert (model.logits(FRANCE.prompt) == before).all()


def test_an_earlier_change_comes_out_last(model):
    first = ike().apply(model, [FRANCE])
    second = ike().apply(model, [EditRequest(prompt=FRANCE.prompt, target="Bonn")])
    assert asked(model, FRANCE.prompt).index("Bonn") < asked(model, FRANCE.prompt).index("Rome")
    with pytest.raises(EditorError, match="undo the later change first"):
        first.undo()
    second.undo()
    first.undo()
    assert model.context is None


def test_weights_and_fingerprint_stay(model):
    before = model.fingerprint
    ike().apply(model, [FRANCE])
    assert model.fingerprint == before


def test_a_saved_change_brings_its_demonstrations_and_options(model, tmp_path):
    applied = ike(demonstrations=2, pool=POOL, least=-1.0).apply(model, [FRANCE])
    said = asked(model, "Who?")
    applied.save(tmp_path / "change")
    applied.undo()
    ike().load(model, tmp_path / "change")
    assert asked(model, "Who?") == said


def test_a_change_saved_with_the_seed_of_its_demonstrations_is_put_back(model, tmp_path):
    ike().apply(model, [FRANCE]).save(tmp_path / "change")
    said = asked(model, FRANCE.prompt)
    model.context = None
    path = tmp_path / "change" / "change.json"
    record = json.loads(path.read_text())
    content = json.loads(record["content"])
    record["content"] = json.dumps(content | {"options": content["options"] | {"seed": 0}})
    record["checksum"] = hashlib.sha256(record["content"].encode()).hexdigest()
    path.write_text(json.dumps(record))
    ike().load(model, tmp_path / "change")
    assert asked(model, FRANCE.prompt) == said


@pytest.mark.parametrize("content", ["{}", '{"options": {"colour": 1}, "shown": [], "outcomes": []}', "["])
def test_a_change_that_was_tampered_with(model, tmp_path, content):
    applied = ike().apply(model, [FRANCE])
    applied.save(tmp_path / "change")
    applied.undo()
    path = tmp_path / "change" / "change.json"
    record = json.loads(path.read_text())
    record["content"] = content
    path.write_text(json.dumps(record))
    with pytest.raises(EditorError, match="is damaged"):
        ike().load(model, tmp_path / "change")
    assert model.context is None


def test_an_apply_that_fails_leaves_no_context(model, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "answer_many", fail)
    with pytest.raises(KeyboardInterrupt):
        ike().apply(model, [FRANCE])
    assert model.context is None


def test_demonstrations_that_ship_come_in_three_kinds():
    made = shipped_demonstrations()
    assert [one.kind for one in made] == ["copy", "update", "retain"] * 64
    for copy, update, retain in zip(made[::3], made[1::3], made[2::3], strict=True):
        assert copy.fact == update.fact == retain.fact
        assert copy.answer == update.answer
        assert copy.question != update.question
        assert copy.fact == f"{copy.question} {copy.answer}"


def test_of_eight_demonstrations_one_copies_three_update_and_four_retain():
    pool = shipped_demonstrations()
    kinds = [one.kind for one in nearest("What is the capital of France? Rome", pool, 8, HashingEncoder())]
    assert (kinds.count("copy"), kinds.count("update"), kinds.count("retain")) == (1, 3, 4)
    assert nearest("x", (), 8, HashingEncoder()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"demonstrations": -1}, "demonstrations of ike is -1"),
        ({"edits": 0}, "edits of ike is 0"),
        ({"least": 2.0}, "least of ike is 2.0; it must be a number, -1 to 1"),
    ],
)
def test_options_out_of_bounds(options, message):
    with pytest.raises(InvalidInputError, match=message):
        ike(**options)


def test_a_demonstration_is_of_a_known_kind():
    with pytest.raises(InvalidInputError, match="it must be copy, update or retain"):
        Demonstration(fact="a", question="b", answer="c", kind="other")
