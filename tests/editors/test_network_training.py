"""Training of what editors need: the file of edits, the loop, networks, SERAC's classifier and its reader."""

import json
import random
from dataclasses import replace

import make_training_edits as world_edits
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._hyper_network import CONFIG
from kedit_memory.editors._scope_classifier import load_scope
from kedit_memory.editors._teaching import gradients, losses
from kedit_memory.editors.base import Fact
from kedit_memory.editors.mend import MendNetwork
from kedit_memory.editors.training import Settings, check, clock, divided, options_of, read_rows, train
from kedit_memory.editors.training import hypernetworks as networks
from kedit_memory.editors.training import reader as reading
from kedit_memory.editors.training import scope as scoping
from kedit_memory.errors import EditorError, InvalidInputError, UnknownNameError
from kedit_memory.evaluation.tasks.scope.cases import TRAINING
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest
from kedit_memory.world import load_world

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
NAMES = ("France", "Germany", "Spain", "Italy", "Japan", "Chile", "Peru", "Kenya", "Egypt", "India", "Iran", "Iraq")
SECONDS = 0.5 / 60  # of training, in minutes


def lines(count=24):
    """Rows as a user writes them, of two relations."""
    for number in range(count):
        name, other = NAMES[number // 2 % len(NAMES)], NAMES[(number // 2 + 1) % len(NAMES)]
        what = ("capital", "king")[number % 2]
        yield {
            "prompt": f"The {what} of {name} is",
            "target": "Bob" if number % 2 else "Rome",
            "subject": name,
            "paraphrases": [f"Who or what is the {what} of {name}?"],
            "unrelated": [f"The {what} of {other} may be"],
        }


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("edits") / "edits.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in lines()), "utf-8")
    return path


@pytest.fixture
def settings():
    return Settings(minutes=SECONDS, seed=1, batch=2, layers=1)


@pytest.fixture(scope="module")
def tiny(tiny_folder):
    return HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu")


def weights(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


# The file


def test_a_row_is_an_edit_with_what_it_covers_and_what_it_must_leave(data):
    first, *_, last = read_rows(data)
    assert first.wordings == ("The capital of France is", "Who or what is the capital of France?")
    assert first.unrelated == ("The capital of Germany may be",)
    assert (last.fact.target, last.fact.subject) == ("Bob", "Iraq")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: no JSON"),
        ("[]", "line 2: .* is no object"),
        ('{"prompt": "Who?"}', "line 2: no target"),
        ('{"prompt": "Who?", "target": "Ann"}', "line 2: no paraphrases; give one other wording of 'Who[?]'"),
        ('{"prompt": "Who?", "target": "Ann", "paraphrase": ["x"]}', "line 2: unknown field 'paraphrase'"),
        ('{"prompt": "", "target": "Ann", "paraphrases": ["x"]}', "line 2: .*has no prompt"),
        (
            '{"prompt": "Who?", "target": "Ann", "paraphrases": ["x"], "unrelated": "y"}',
            "unrelated is 'y'; give a list",
        ),
    ],
)
def test_a_line_that_cannot_be_is_told_by_its_number(tmp_path, line, message):
    path = tmp_path / "edits.jsonl"
    path.write_text(json.dumps(next(lines())) + "\n" + line + "\n", "utf-8")
    with pytest.raises(InvalidInputError, match=message) as caught:
        read_rows(path)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_trained_on_is_refused_before_anything_is_loaded(data, tmp_path):
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in list(lines())[:4]), "utf-8")
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    new = tmp_path / "new"
    for words, error, message in (
        (("mend", few, new, Settings()), InvalidInputError, "4 different edits to train on; give 20 at least"),
        (("mend", tmp_path / "none", new, Settings()), InvalidInputError, "cannot be read"),
        (("mend", data, full, Settings()), InvalidInputError, "holds something already"),
        (("mend", data, new, Settings(resume=True)), InvalidInputError, "holds nothing to go on from"),
        (("mend", data, few, Settings()), InvalidInputError, "is a file; name a new folder"),
        (("mendd", data, new, Settings()), UnknownNameError, "did you mean 'mend'"),
    ):
        with pytest.raises(error, match=message):
            check(*words)
    for options, message in (({"minutes": 0}, "minutes is 0"), ({"batch": 0}, "batch is 0")):
        with pytest.raises(InvalidInputError, match=message):
            Settings(**options)
    with pytest.raises(UnknownNameError, match="embedding"):
        Settings(form="crosss")


def test_one_matter_stands_on_one_side(data):
    rows = read_rows(data)
    twice = [*rows, *(replace(row, fact=replace(row.fact, target="Ann")) for row in rows)]
    trained, held = divided(twice, seed=3)
    assert len(trained) + len(held) == len(twice)
    assert len(held) == 4
    assert not {row.slot for row in trained} & {row.slot for row in held}
    assert divided(twice, seed=3) == (trained, held)
    assert divided(twice, seed=4)[1] != held


def test_the_world_s_edits_leave_out_what_is_measured_on(tmp_path):
    world = load_world()
    rows = list(world_edits.edits(world, 60, random.Random(1)))
    assert {part_of(row["relation"]) for row in rows} == {TRAINING}
    path = tmp_path / "edits.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert all(row.unrelated for row in read_rows(path))
    share = sum(world_edits.held_out(replace(fact, relation="capital")) for fact in world.facts)
    assert 0.15 < share / len(world.facts) < 0.25


# The loop


def line_to_fit():
    """A weight that a step moves towards 1."""
    weight = torch.nn.Parameter(torch.zeros(()))

    def step():
        loss = (weight - 1) ** 2
        loss.backward()
        return {"loss": float(loss.detach())}

    return weight, step


def test_the_loop_ends_by_the_clock_and_saves(tmp_path):
    weight, step = line_to_fit()
    saved, told = [], []
    settings = Settings(minutes=SECONDS, tell=lambda *done: told.append(done))
    record = clock.run([{"params": [weight], "rate": 0.1}], step, saved.append, settings, tmp_path)
    assert saved == [record]
    assert record["steps"] == len(told) > 1
    assert 0 < float(weight.detach()) < 2
    assert all(0 <= done <= total for done, total in told)
    assert "tell" not in record


def test_an_interrupt_keeps_what_is_learned_and_says_so(tmp_path):
    weight, step = line_to_fit()
    saved, taken = [], []

    def stopped():
        taken.append(1)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return step()

    with pytest.raises(KeyboardInterrupt) as caught:
        clock.run([{"params": [weight], "rate": 0.1}], stopped, saved.append, Settings(), tmp_path)
    assert [record["steps"] for record in saved] == [3]
    assert caught.value.__notes__ == [f"what 3 steps taught is in {tmp_path}: --resume goes on from it"]


# Networks


@pytest.mark.parametrize("method", ["mend", "ke"])
def test_a_network_is_trained_gone_on_with_and_edits(method, tiny, data, settings, tmp_path):
    before, flags = weights(tiny), [weight.requires_grad for weight in tiny.model.parameters()]
    output = tmp_path / "made"
    record = train(method, tiny, check(method, data, output, settings), output, settings)
    assert record["steps"] >= 1
    assert record["held_out"]["edits"] == 2
    assert all(0 <= record["held_out"][share] <= 1 for share in ("said", "reworded", "kept"))
    again = replace(settings, resume=True)
    train(method, tiny, check(method, data, output, again), output, again)
    told = json.loads((output / CONFIG).read_text("utf-8"))["training"]
    assert told["resume"]["steps"] == record["steps"]
    assert told["held_out"]["edits"] == 2
    assert same(before, weights(tiny))
    assert flags == [weight.requires_grad for weight in tiny.model.parameters()]
    applied = load_editor(method, **options_of(method, output)).apply(tiny, [FRANCE])
    assert not same(before, weights(tiny))
    applied.undo()
    assert same(before, weights(tiny))


@pytest.mark.parametrize("kind", [networks.MendTraining, networks.KnowledgeEditorTraining])
def test_steps_lower_what_a_network_is_trained_on(kind, tiny, data):
    training = kind(tiny, kind.kind.start(tiny, layers=2))
    source = networks.Source(read_rows(data), tiny, 1)
    training.prepare(source, 4)
    optimizer = torch.optim.Adam(training.network.parameters(), lr=1e-2)
    losses = []
    with gradients(tiny, ()):
        for _ in range(20):
            losses.append(networks._step(training, source.examples(3))["loss"])
            optimizer.step()
            optimizer.zero_grad()
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_a_network_of_another_model_is_not_gone_on_with(tiny, data, settings, tmp_path, tiny_folder):
    MendNetwork.start(tiny, layers=1).save(tmp_path)
    llama = HuggingFaceModel.load(tiny_folder("llama"), device="cpu")
    again = replace(settings, resume=True)
    with pytest.raises(EditorError, match="was trained for another model"):
        train("mend", llama, check("mend", data, tmp_path, again), tmp_path, again)


def test_examples_are_edits_with_their_own_questions(tiny, data):
    rows = read_rows(data)
    source = networks.Source(rows, tiny, 1)
    drawn = source.of(rows)
    assert all(one.taught.wanted and one.covered.wanted and one.kept.wanted for one in drawn)
    assert all(one.kept.given not in {one.taught.given, one.covered.given} for one in drawn)
    reworded = sum(one.covered.given != one.taught.given for one in drawn)
    assert 0 < reworded < len(drawn)
    assert all(one.covered.given != one.taught.given for one in source.of(rows, reworded=True))


def test_the_objective_of_mend_is_the_weighted_sum(tiny):
    network = MendNetwork.start(tiny, layers=1, rank=2)
    mend = networks.MendTraining(tiny, network)
    expected = mend.edit_weight * 2.0 + 0.25
    assert float(mend.objective(torch.tensor(2.0), torch.tensor(0.25), 1.0)) == pytest.approx(expected)
    assert sum(len(group["params"]) for group in mend.groups()) == len(list(network.parameters()))


def test_the_multiplier_of_ke_follows_the_constraint(tiny):
    ke = networks.KnowledgeEditorTraining(tiny, None)
    loss = ke.objective(torch.tensor(2.0), torch.tensor(0.25), 1.0)
    assert float(loss) == pytest.approx(2.0 + 1.0 * (0.25 - 0.05))
    assert ke.multiplier > 1.0  # the constraint is broken
    for _ in range(98):
        ke.objective(torch.tensor(2.0), torch.tensor(0.0), 1.0)
    assert ke.multiplier == 0.0  # it holds, and the multiplier is never negative
    assert ke.margin == 0.05
    ke.objective(torch.tensor(2.0), torch.tensor(0.0), 1.0)
    assert ke.margin == pytest.approx(0.04)  # a hundred steps with nine successes of ten


def test_divergence_is_that_of_the_answers_tokens():
    before, after = torch.randn(2, 4, 5), torch.randn(2, 6, 5)  # batches padded to other lengths
    labels = torch.full((2, 6), -100)
    labels[0, 2], labels[1, 3] = 1, 2
    found = networks._divergence(before, after, labels)
    was, now = before.log_softmax(-1), after.log_softmax(-1)
    expected = [(was[r, t].exp() * (was[r, t] - now[r, t])).sum() for r, t in ((0, 2), (1, 3))]
    assert float(found) == pytest.approx(float(sum(expected)) / 2, abs=1e-5)


# SERAC


def test_near_questions_are_outside_of_the_edit_and_some_are_its_own(data):
    rows = read_rows(data)
    pairs = scoping.Pairs(rows, seed=1)
    places = torch.arange(len(rows))
    assert [pairs.texts[place] for place in pairs.inside(places)] == [row.fact.paraphrases[0] for row in rows]
    near = [[pairs.texts[place] for place in part] for part in pairs.near(places, 20).tolist()]
    assert all(row.fact.paraphrases[0] not in part for row, part in zip(rows, near, strict=True))
    assert all(row.unrelated[0] in part for row, part in zip(rows, near, strict=True))
    edits, questions = pairs.anywhere(places.repeat(20))
    assert 0 < len(edits) == len(questions)
    assert all(pairs.texts[q] not in rows[e].fact.paraphrases for e, q in zip(edits, questions, strict=True))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft's own
def test_serac_is_trained_and_edits(data, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(scoping, "_STEPS", 30)
    model = load_model("kedit-mini", device="cpu")
    before, output = weights(model), tmp_path / "made"
    record = train("serac", model, check("serac", data, output, settings), output, settings)
    assert record["scope"]["held_out"]["answered"] == 1
    assert record["counterfactual"]["held_out"]["questions"] == 4
    options = {name: str(folder) for name, folder in options_of("serac", output).items()}
    scope = load_scope(options["scope"])
    edits = [Fact(prompt="The capital of Norway is", target="Rome")]
    inside, outside = scope.probabilities(
        ["Who or what is the capital of Norway?", "Who wrote Hamlet?"], edits, scope.encode_edits(edits)
    )[:, 0]
    assert inside >= 0.5 > outside
    assert same(before, weights(model))
    applied = load_editor("serac", **options).apply(model, [FRANCE])
    assert model.stand_in is not None
    applied.undo()


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft's own
def test_the_cross_form_is_trained(data, settings, tmp_path):
    rows = divided(read_rows(data), 1)
    record = scoping.train_scope(rows, tmp_path, replace(settings, form="cross"))
    assert record["steps"] >= 1
    assert load_scope(str(tmp_path)).width == 0


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft's own
def test_a_reader_reads_better_and_is_gone_on_with(tiny, tiny_folder, data, settings, tmp_path):
    rows = read_rows(data)
    asked = [reading.reading(tiny, row, row.fact.paraphrases[0]) for row in rows]
    output = tmp_path / "made"

    def run(**changes):
        chosen = replace(settings, minutes=0.02, batch=4, **changes)
        batches = reading.batches_of(reading.readings(tiny, rows, 1), chosen)
        return reading.train_reader(tiny, batches, asked, output, chosen, rate=1e-2)

    def loss(model):
        with torch.no_grad():
            return float(losses(model, asked)[0].mean())

    first = run()
    trained = load_model(str(output), device="cpu")
    assert loss(trained) < loss(tiny)
    before = loss(trained)
    run(resume=True)
    assert loss(load_model(str(output), device="cpu")) < before
    runs = json.loads((output / reading.RECORD).read_text("utf-8"))["runs"]
    assert [(run["resume"], run["seed"]) for run in runs] == [(False, 1), (True, 1)]
    assert first["held_out"]["questions"] == len(asked)
    llama = HuggingFaceModel.load(tiny_folder("llama"), device="cpu")
    chosen = replace(settings, resume=True)
    with pytest.raises(EditorError, match=r"the adapter in .* is of .* and does not fit"):
        reading.train_reader(llama, iter(()), [], output, chosen)
    with pytest.raises(InvalidInputError, match="is an adapter of"):
        reading.train_reader(trained, iter(()), [], tmp_path / "other", settings)
