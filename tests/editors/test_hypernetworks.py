"""What MEND and KE share: files of networks, which model they are for, changes in factors, and their training."""

import json
import random
import shutil
from dataclasses import replace

import evaluate_hypernetworks as evaluation
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._hyper_gradients import Factors, changed, last_sites, total, write
from kedit_memory.editors._hyper_network import CONFIG, WEIGHTS
from kedit_memory.editors.mend import MendNetwork
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError
from kedit_memory.evaluation.tasks.scope.cases import TEST
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.models.families import family_of
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest
from kedit_memory.shipped import hypernetwork
from kedit_memory.world import load_world

METHODS = ("mend", "ke")
FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob")


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def weights(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


# Changes in factors


def test_a_change_in_factors_is_the_change_of_the_weights(model):
    """Two edits, two rows each: every row sees its own edit's change, as if the weights had been written."""
    sites = last_sites(model, "mend", 2)
    generator = torch.Generator().manual_seed(2)

    def factors(site):
        parts = (torch.randn(2, 3, width, generator=generator) * 0.1 for width in (site.inputs, site.outputs))
        return Factors(*parts)

    changes = {site.module: factors(site) for site in sites}
    ids = torch.randint(1, 300, (4, 7), generator=generator)
    with torch.no_grad(), changed(model, changes):
        together = model.model(ids).logits
    before = weights(model)
    for edit in (0, 1):
        own = {name: total(change, torch.arange(2) == edit) for name, change in changes.items()}
        write(model, own, transposed=family_of(model.model).transposed)
        rows = slice(2 * edit, 2 * edit + 2)
        with torch.no_grad():
            assert torch.allclose(model.model(ids[rows]).logits, together[rows], atol=1e-4)
        model.model.load_state_dict(before)


def test_the_matrices_are_those_of_the_last_layers(model):
    family = family_of(model.model)
    one, two = last_sites(model, "mend", 1), last_sites(model, "mend", 2)
    assert one == two[len(one) :]
    assert {site.module for site in one} == {
        f"{family.layer_name(1)}.{path}" for path in (*family.parts[1].mlp_in, family.parts[1].mlp_out)
    }
    with pytest.raises(InvalidInputError, match=r"3 layers to edit: .* here has 2; give 1 to 2"):
        last_sites(model, "mend", 3)


# Networks and the models they are for


def test_a_network_for_another_model_is_refused(method, one, tiny_network, tiny_folder, build_tiny_model):
    llama = HuggingFaceModel.load(tiny_folder("llama"), device="cpu")
    shape = HuggingFaceModel(build_tiny_model("gpt2", seed=1), one.tokenizer, name="twin")  # other weights, same shapes
    for other, network in ((llama, tiny_network(method, "gpt2")), (shape, tiny_network(method, "gpt2")), (one, None)):
        before = weights(other)
        message = f"{method} has no network for .*kedit train {method} --data FILE --model .* --output FOLDER"
        with pytest.raises(EditorError, match=message) as caught:
            load_editor(method, network=network).apply(other, [FRANCE])
        assert "\n" not in str(caught.value)
        assert same(before, weights(other))


def test_it_edits_a_model_that_was_edited_before(method, one, tiny_network):
    load_editor("ft", rate=1e-2).apply(one, [KING])
    before = weights(one)
    applied = load_editor(method, network=tiny_network(method, "gpt2"), steps=60).apply(one, [FRANCE])
    assert applied.outcomes[0].learned
    applied.undo()
    assert same(before, weights(one))


def test_what_is_known_already_is_left(method, one, tiny_network):
    editor = load_editor(method, network=tiny_network(method, "gpt2"), steps=60)
    editor.apply(one, [FRANCE])
    before = weights(one)
    again = editor.apply(one, [FRANCE])
    assert again.outcomes[0].learned
    assert again.outcomes[0].steps == 0
    assert same(before, weights(one))


def test_many_edits_are_those_of_one_pass(method, one, tiny_network, monkeypatch):
    editor = load_editor(method, network=tiny_network(method, "gpt2"), steps=1)
    edits = [FRANCE, KING, EditRequest(prompt="The capital of Germany is", target="Paris")]
    applied = editor.apply(one, edits)
    whole = applied.after
    applied.undo()
    monkeypatch.setattr("kedit_memory.editors._hyper_editor._ROWS", 2)
    split = editor.apply(one, edits).after
    assert all(torch.allclose(whole[name], split[name], atol=1e-6) for name in whole)


def test_an_update_of_several_edits_that_does_not_lower_their_loss_is_taken_back(
    method, one, tiny_network, monkeypatch
):
    editor = load_editor(method, network=tiny_network(method, "gpt2"), steps=5)
    site = last_sites(one, method, 1)[0]
    losses = iter([5.0, 6.0, 3.0, 4.0])  # before; after the first, which stays whatever it does; after two more
    push = torch.ones(site.inputs, site.outputs)
    monkeypatch.setattr(type(editor), "_updates", lambda *_: ({site.module: push}, next(losses)))
    before = one.model.get_parameter(site.weight).detach().clone()
    applied = editor.apply(one, [FRANCE, KING])
    assert applied.outcomes[0].steps == 2
    assert torch.allclose(one.model.get_parameter(site.weight), before + 2, atol=1e-5)
    assert next(losses, None) is None


def test_the_shipped_network_makes_several_edits_and_keeps_the_model(method):
    model = load_model("kedit-mini", device="cpu")
    wanted = {"France": "Rome", "Japan": "Madrid"}
    edits = [
        EditRequest(prompt=f"What is the capital of {subject}?", target=target, subject=subject)
        for subject, target in wanted.items()
    ]
    applied = load_editor(method).apply(model, edits)
    assert [outcome.learned for outcome in applied.outcomes] == [True, True]
    assert model.answer("What is the capital of France?") == "Rome"
    applied.undo()


def test_halvings_leave_out_what_an_edit_can_do_without(method):
    model = load_model("kedit-mini", device="cpu")
    edit = EditRequest(prompt="What is the capital of France?", target="Rome", subject="France")
    before = weights(model)

    def moved(**options):
        applied = load_editor(method, **options).apply(model, [edit])
        assert (applied.outcomes[0].learned, applied.outcomes[0].steps) == (True, 1)
        found = {name: tensor - before[name] for name, tensor in applied.after.items()}
        applied.undo()
        return found

    whole, part = moved(), moved(halvings=3)
    name = next(iter(whole))
    eighths = 8 * (part[name].norm() / whole[name].norm()).item()
    assert 1 <= round(eighths) < 8
    assert eighths == pytest.approx(round(eighths), abs=1e-2)
    assert all(torch.allclose(part[name], whole[name] * round(eighths) / 8, atol=1e-5) for name in whole)
    assert same(before, weights(model))


def test_what_is_decoded_gets_no_further_update(method, one, tiny_network):
    editor = load_editor(method, network=tiny_network(method, "gpt2"), steps=60)
    editor.apply(one, [FRANCE])
    between = weights(one)
    both = editor.apply(one, [FRANCE, KING])
    both.undo()
    assert same(between, weights(one))
    first = replace(editor, steps=1)
    alone = {name: tensor.clone() for name, tensor in first.apply(one, [KING]).after.items()}
    one.model.load_state_dict(between)
    together = first.apply(one, [FRANCE, KING]).after
    assert all(torch.allclose(alone[name], together[name], atol=1e-6) for name in alone)


def test_an_unsupported_architecture_is_refused(method, tiny_folder):
    t5 = HuggingFaceModel.load(tiny_folder("t5"), device="cpu")
    with pytest.raises(
        CapabilityError, match=rf"{method} works on decoders alone, and .*, a t5 model, has an encoder and a decoder"
    ):
        load_editor(method).apply(t5, [FRANCE])


def test_options_that_cannot_be(method):
    for options, message in (({"steps": 0}, f"steps of {method} is 0"), ({"network": 3}, f"network of {method} is 3")):
        with pytest.raises(InvalidInputError, match=message):
            load_editor(method, **options)


def test_a_damaged_network_is_refused(method, one, tiny_network, tmp_path):
    whole, before = tiny_network(method, "gpt2"), weights(one)

    def refused(folder, message):
        with pytest.raises(EditorError, match=message) as caught:
            load_editor(method, network=folder).apply(one, [FRANCE])
        assert "\n" not in str(caught.value)
        assert same(before, weights(one))

    refused(tmp_path / "nowhere", f"holds no network of {method}")
    other = next(name for name in METHODS if name != method)
    refused(tiny_network(other, "gpt2"), f"holds a network of {other!r}, not of {method!r}")
    for name in (CONFIG, WEIGHTS):
        copy = shutil.copytree(whole, tmp_path / f"cut-{name}")
        (copy / name).write_bytes((copy / name).read_bytes()[:-30])
        refused(copy, "is damaged: restore its files, or train it anew")
    missing = shutil.copytree(whole, tmp_path / "missing")
    (missing / WEIGHTS).unlink()
    refused(missing, "is damaged")
    config = json.loads((whole / CONFIG).read_text("utf-8"))
    wrong = {
        "format": ({"format": 9}, "of format 9; this version reads format 1"),
        "sizes": ({"sizes": {"x": 1}}, "damaged"),
    }
    for name, (change, message) in wrong.items():
        copy = shutil.copytree(whole, tmp_path / f"wrong-{name}")
        (copy / CONFIG).write_text(json.dumps(config | change), encoding="utf-8")
        refused(copy, message)


def test_half_precision_is_edited_and_restored(method, tiny_folder, tiny_network):
    model = HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu", dtype="bfloat16")
    before = weights(model)
    applied = load_editor(method, network=tiny_network(method, "gpt2"), steps=3).apply(model, [FRANCE])
    assert not same(before, weights(model))
    applied.undo()
    assert same(before, weights(model))


def test_an_update_that_overflows_leaves_the_model(one, tmp_path):
    network = MendNetwork.start(one, layers=2, rank=3)
    network.log_rates.data.fill_(300.0)
    network.save(tmp_path / "network")
    before = weights(one)
    with pytest.raises(EditorError):
        load_editor("mend", network=tmp_path / "network").apply(one, [FRANCE])
    assert same(before, weights(one))


def test_the_shipped_networks_are_small_and_say_how_they_were_made(method):
    folder = hypernetwork(method)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 3_000_000
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    steps = sum(run["steps"] for run in evaluation._runs(config["training"]))
    card = (folder / "README.md").read_text("utf-8")
    assert steps > 0
    assert f"{steps:,} steps" in card
    assert all(f"| {name} | reliability | all |" in card for name in (method, "ft"))


# How networks are measured


def test_what_is_measured_is_held_out_and_put_back(one, monkeypatch):
    """Cases of a model that is said to know everything; an editor's own shares, and the model as it was."""
    world = load_world()
    facts = [fact for fact in world.facts if part_of(fact.relation) == TEST]
    few = replace(world, facts=tuple(facts[:60]))
    monkeypatch.setattr(evaluation, "is_answer", lambda *_: True)
    cases = list(evaluation.draw(few, one, 2, random.Random(1)))
    monkeypatch.undo()
    assert all(len(case.rewordings) == 3 for case in cases)
    subjects = {case.edit.subject for case in cases}
    assert all(evaluation.held_out(fact) for fact in world.facts if fact.subject in subjects)
    before = weights(one)
    run = evaluation.describe_run("edit", "world")
    rows = {(r.method, r.metric, r.kind): r for r in evaluation.measure("ft-last", one, cases, run)}
    assert rows["ft-last", "reliability", "all"].n == 2
    assert rows["ft-last", "generalization", "all"].n == 6
    assert rows["ft-last", "locality", "all"].n == sum(len(case.others) for case in cases)
    assert same(before, weights(one))
    with pytest.raises(ValueError, match="ask for no more edits than that"):
        list(evaluation.draw(few, one, 10_000, random.Random(1)))
