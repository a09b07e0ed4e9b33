import json

import pytest
import torch
from safetensors.torch import load_file

from kedit_memory.editors._weights import changing, load_change
from kedit_memory.editors.base import Applied, Fact, Outcome
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.models.huggingface import HuggingFaceModel

MATRIX = "transformer.h.0.mlp.c_proj.weight"
TIED = "transformer.wte.weight"
DONE = Outcome(fact=Fact(prompt="A?", target="B", paraphrases=("C?",)), learned=True, seconds=0.5, steps=3)


@pytest.fixture
def model(tiny_gpt2_folder):
    return HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")


def change(model, name=MATRIX, by=1.0):
    with changing(model, [name]) as weights, torch.no_grad():
        weights[name].add_(by)
    return weights.change("test", {"by": by}, [DONE])


def state(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_change_knows_what_it_did(model):
    before = state(model)
    made = change(model)
    assert isinstance(made, Applied)
    assert made.names == (MATRIX,)
    assert torch.equal(made.before[MATRIX], before[MATRIX])
    assert torch.equal(made.after[MATRIX], before[MATRIX] + 1)
    assert made.outcomes == (DONE,)


def test_undo_is_exact_even_where_arithmetic_would_not_be(model):
    before = state(model)
    made = change(model, by=1e7)
    made.undo()
    assert same(state(model), before)


def test_undo_refuses_what_was_changed_since(model):
    before = state(model)
    first, second = change(model), change(model, by=2.0)
    with pytest.raises(EditorError, match=f"{MATRIX} was changed since this test edit.*undo the later change first"):
        first.undo()
    second.undo()
    first.undo()
    assert same(state(model), before)
    model.model.get_parameter(MATRIX).data.add_(1)
    first.undo()
    assert not same(state(model), before), "a second undo does nothing"


def test_changes_of_different_weights_come_out_in_any_order(model):
    before = state(model)
    first, second = change(model), change(model, name=TIED)
    first.undo()
    second.undo()
    assert same(state(model), before)


def test_an_undo_that_was_interrupted_is_finished_by_the_next(model):
    before = state(model)
    with changing(model, [MATRIX, TIED]) as weights, torch.no_grad():
        for weight in weights.values():
            weight.add_(1)
    made = weights.change("test", {}, [])
    model.model.get_parameter(MATRIX).data.copy_(before[MATRIX])
    made.undo()
    assert same(state(model), before)


def test_tied_weights_are_one(model):
    before = state(model)
    assert model.model.lm_head.weight is model.model.transformer.wte.weight
    with changing(model, ["lm_head.weight", TIED]) as weights, torch.no_grad():
        assert list(weights) == ["lm_head.weight"]
        weights["lm_head.weight"].mul_(2)
    made = weights.change("test", {}, [])
    assert torch.equal(model.model.transformer.wte.weight, before[TIED] * 2)
    made.undo()
    assert same(state(model), before)
    assert model.model.lm_head.weight is model.model.transformer.wte.weight


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_weights(model, error):
    before = state(model)

    def fail():
        with changing(model, [MATRIX]) as weights, torch.no_grad():
            weights[MATRIX].add_(1)
            raise error

    with pytest.raises(error):
        fail()
    assert same(state(model), before)


def test_half_precision_that_overflows_is_refused(tiny_gpt2_folder):
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu", dtype="float16")
    before = state(model)
    with pytest.raises(EditorError, match=f"{MATRIX} overflow float16, so the model is left as it was.*float32"):
        change(model, by=65504.0 * 2)
    assert same(state(model), before)


def test_a_weight_that_is_not_there(model):
    with pytest.raises(InvalidInputError, match=r"has no weight named 'h\.7'"):
        change(model, name="h.7")


def test_save_and_load(model, tiny_gpt2_folder, tmp_path):
    made = change(model)
    made.save(tmp_path / "new" / "change")
    fresh = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    before = state(fresh)
    loaded = load_change(fresh, tmp_path / "new" / "change", "test")
    assert same(state(fresh), state(model))
    assert loaded.outcomes == (DONE,)
    assert loaded.record == made.record
    loaded.undo()
    assert same(state(fresh), before)
    record = json.loads((tmp_path / "new" / "change" / "change.json").read_text())
    assert record["format"] == 2
    assert record["options"] == {"by": 1.0}


def test_a_change_saves_what_it_left_whatever_came_later(model, tiny_gpt2_folder, tmp_path):
    made = change(model)
    left = made.after[MATRIX]
    change(model, by=5.0)
    made.save(tmp_path / "change")
    fresh = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    load_change(fresh, tmp_path / "change", "test")
    assert torch.equal(fresh.model.get_parameter(MATRIX), left)


def size(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_was_added_is_saved_as_its_factors(tiny_gpt2_folder, tmp_path, dtype):
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu", dtype=dtype)
    before = state(model)
    draw = torch.Generator().manual_seed(0)
    rows, columns = model.model.get_parameter(MATRIX).shape
    with changing(model, [MATRIX]) as weights:
        for _ in range(2):
            weights.add(MATRIX, torch.randn(rows, 1, generator=draw), torch.randn(1, columns, generator=draw))
    made = weights.change("test", {}, [])
    after = state(model)
    made.save(tmp_path / "change")
    tensors = load_file(tmp_path / "change" / "change.safetensors")
    assert sum(tensor.numel() for tensor in tensors.values()) == 2 * (rows + columns) < rows * columns
    made.undo()
    assert same(state(model), before)
    loaded = load_change(model, tmp_path / "change", "test")
    assert same(state(model), after)
    loaded.save(tmp_path / "again")
    assert size(tmp_path / "again") == size(tmp_path / "change")
    loaded.undo()
    assert same(state(model), before)


def test_factors_that_do_not_tell_all_are_not_saved_alone(model, tmp_path):
    before = state(model)
    rows, columns = model.model.get_parameter(MATRIX).shape
    with changing(model, [MATRIX]) as weights, torch.no_grad():
        weights.add(MATRIX, torch.ones(rows, 1), torch.ones(1, columns))
        weights[MATRIX].mul_(3)
        weights.add(MATRIX, torch.ones(rows, 1), torch.ones(1, columns))
    made = weights.change("test", {}, [])
    after = state(model)
    made.save(tmp_path / "change")
    made.undo()
    assert same(state(model), before)
    load_change(model, tmp_path / "change", "test")
    assert same(state(model), after)


@pytest.mark.parametrize("place", [(slice(None), [3, 7]), ([5], slice(None))])
def test_of_a_few_lines_only_these_are_saved(model, tmp_path, place):
    before = state(model)
    with changing(model, [MATRIX, TIED]) as weights, torch.no_grad():
        weights[MATRIX][place] = float("1e30")  # from which no difference would lead back
    made = weights.change("test", {}, [])
    after = state(model)
    made.save(tmp_path / "change")
    tensors = load_file(tmp_path / "change" / "change.safetensors")
    moved = sum(tensor.numel() for name, tensor in tensors.items() if name.endswith(":bits"))
    assert moved == before[MATRIX][place].numel()
    made.undo()
    assert same(state(model), before)
    load_change(model, tmp_path / "change", "test").undo()
    assert same(state(model), before)
    load_change(model, tmp_path / "change", "test")
    assert same(state(model), after)


def test_bits_are_put_into_the_very_values_that_they_are_of(model, tmp_path):
    made = change(model)
    made.save(tmp_path / "change")
    made.undo()
    fingerprint = model.fingerprint
    model.model.get_parameter(MATRIX).data[1, 2] += 1
    if model.fingerprint != fingerprint:
        pytest.skip("the fingerprint sees this value")
    before = state(model)
    with pytest.raises(EditorError, match="holds a change of other values of"):
        load_change(model, tmp_path / "change", "test")
    assert same(state(model), before)


def test_saved_changes_load_in_the_order_they_were_made(model, tiny_gpt2_folder, tmp_path):
    change(model).save(tmp_path / "1")
    change(model).save(tmp_path / "2")
    fresh = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    with pytest.raises(EditorError, match="saved changes in the order they were made"):
        load_change(fresh, tmp_path / "2", "test")
    load_change(fresh, tmp_path / "1", "test")
    load_change(fresh, tmp_path / "2", "test")
    assert same(state(fresh), state(model))


def test_a_folder_that_holds_something_is_not_written_over(model, tmp_path):
    made = change(model)
    made.save(tmp_path / "change")
    with pytest.raises(EditorError, match="holds something already"):
        made.save(tmp_path / "change")
    assert [path.name for path in tmp_path.iterdir()] == ["change"]


def test_a_save_that_fails_leaves_nothing(model, tmp_path):
    made = change(model)
    (tmp_path / "file").write_text("x")
    with pytest.raises(EditorError, match="could not be written"):
        made.save(tmp_path / "file" / "change")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def broken(folder, name, value):
    path = folder / "change.json"
    record = json.loads(path.read_text())
    record[name] = value
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("format", 1, "format 1; this version reads format 2"),
        ("method", "rome", "a change by 'rome', not by 'test'"),
        ("fingerprint", "0123", "a model with fingerprint 0123"),
        ("checksum", "0123", "is damaged"),
        ("outcomes", [{"fact": {}}], "is damaged"),
        ("options", 3, "is damaged"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(model, tmp_path, name, value, message):
    made = change(model)
    made.save(tmp_path / "change")
    made.undo()
    before = state(model)
    broken(tmp_path / "change", name, value)
    with pytest.raises(EditorError, match=message):
        load_change(model, tmp_path / "change", "test")
    assert same(state(model), before)


@pytest.mark.parametrize("file", ["change.json", "change.safetensors"])
@pytest.mark.parametrize("harm", ["cut", "flip", "drop"])
def test_a_damaged_file_is_refused(model, tmp_path, file, harm):
    made = change(model)
    made.save(tmp_path / "change")
    made.undo()
    before = state(model)
    path = tmp_path / "change" / file
    content = path.read_bytes()
    if harm == "drop":
        path.unlink()
    else:
        path.write_bytes(content[:-20] if harm == "cut" else b"\xff\xfe" + content[2:])
    with pytest.raises(EditorError):
        load_change(model, tmp_path / "change", "test")
    assert same(state(model), before)
