import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors.ext_sub import extract_and_subtract, subtract
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
QUICK = {"rate": 1e-2, "alpha": 8.0, "subtract": 0.2}


def pair(generator, out=7, rank=2, width=5):
    left, right = generator.normal(size=(out, rank)), generator.normal(size=(rank, width))
    return torch.tensor(left, dtype=torch.float32), torch.tensor(right, dtype=torch.float32)


def product(matrices):
    return matrices[0].double().numpy() @ matrices[1].double().numpy()


def by_definition(expert, against, weight):
    """Row by row, as the paper has it: project onto the direction of the sum of both unit vectors."""
    rows = []
    for plus, minus in zip(product(expert), product(against), strict=True):
        common = plus / np.linalg.norm(plus) + minus / np.linalg.norm(minus)
        common /= np.linalg.norm(common)
        deficiency = minus - (minus @ common) * common
        rows.append(plus - weight * deficiency)
    return np.array(rows)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("ranks", [(2, 2), (1, 3)])
def test_extraction_before_subtraction_is_the_papers(weight, ranks):
    generator = np.random.default_rng(0)
    expert, against = (pair(generator, rank=rank) for rank in ranks)
    found = extract_and_subtract(expert, against, weight)
    assert found[0].shape[1] == found[1].shape[0] == sum(ranks)
    np.testing.assert_allclose(product(found), by_definition(expert, against, weight), atol=1e-5)


def test_a_case_by_hand():
    # Rows w+ = (2, 0) and w- = (0, 3): g = (1, 1) / sqrt 2, (w- . g) g = (1.5, 1.5), Ext(w-) = (-1.5, 1.5).
    expert = torch.tensor([[2.0]]), torch.tensor([[1.0, 0.0]])
    against = torch.tensor([[3.0]]), torch.tensor([[0.0, 1.0]])
    left, right = extract_and_subtract(expert, against, 1.0)
    torch.testing.assert_close(left @ right, torch.tensor([[3.5, -1.5]]), atol=1e-5, rtol=0)
    left, right = subtract(expert, against, 1.0)
    torch.testing.assert_close(left @ right, torch.tensor([[2.0, -3.0]]), atol=1e-5, rtol=0)


def test_what_points_the_same_way_is_all_common():
    expert = pair(np.random.default_rng(1))
    found = extract_and_subtract(expert, (3 * expert[0], expert[1]), 1.0)
    np.testing.assert_allclose(product(found), product(expert), atol=1e-5)


def test_a_row_of_zeros_has_nothing_in_common():
    expert, against = (pair(np.random.default_rng(seed)) for seed in (2, 3))
    expert[0][0] = 0
    against[0][1] = 0
    found = product(extract_and_subtract(expert, against, 1.0))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0], -product(against)[0], atol=1e-5)
    np.testing.assert_allclose(found[1], product(expert)[1], atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("targets", ["attention", "mlp"])
@pytest.mark.parametrize("extraction", [True, False])
def test_the_change_keeps_its_low_rank(tiny_folder, kind, targets, extraction):
    # The keys and values of the Llama are narrower than its queries: its matrices are not square.
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    editor = load_editor("ext-sub", rank=2, targets=targets, extraction=extraction, steps=4, **QUICK)
    applied = editor.apply(model, [FRANCE])
    for name in applied.names:
        change = (applied.after[name] - applied.before[name]).double()
        values = torch.linalg.svdvals(change)
        assert values[0] > 0
        assert values[4:].max() < 1e-4 * values[0], name


def test_without_a_wrong_answer_the_expert_stands_alone(tiny_gpt2_folder):
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    load_editor("ft", rate=1e-2).apply(model, [FRANCE])
    (outcome,) = load_editor("ext-sub", steps=3, **QUICK).apply(model, [FRANCE]).outcomes
    assert outcome.learned
    assert outcome.steps == 0


def test_both_adapters_take_as_many_steps(tiny_gpt2_folder):
    model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
    expert = load_editor("lora", targets="mlp", rate=1e-2, alpha=8.0).apply(model, [FRANCE])
    expert.undo()
    (outcome,) = load_editor("ext-sub", **QUICK).apply(model, [FRANCE]).outcomes
    assert outcome.steps == 2 * expert.outcomes[0].steps > 0


def test_options_out_of_bounds():
    with pytest.raises(InvalidInputError, match="subtract of ext-sub is -1; it must be a number, 0 or more"):
        load_editor("ext-sub", subtract=-1)
