"""On a graphics card: the same vectors, scores, answers and values as on the processor, within rounding.

Run by `python -m pytest -m gpu`; skipped where there is none.
"""

import json

import numpy as np
import pytest
import torch

from kedit_memory.cli.main import main
from kedit_memory.editors import load_editor
from kedit_memory.memory.memory import EditMemory
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.named import load_model
from kedit_memory.models.reader import Pair, ScopeReader
from kedit_memory.records import EditRequest
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.shipped import scope_verifier

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card")]

QUESTIONS = [f"Who leads the {place} office?" for place in ("Oslo", "Lima", "Rome", "Kyoto", "Accra", "Quito")]


def test_an_encoder_gives_the_same_vectors():
    on_gpu, on_cpu = (load_encoder("minilm", device=device).encode(QUESTIONS) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-4)


def test_the_reader_gives_the_scores_of_one_that_is_not_rounded(monkeypatch):
    monkeypatch.setattr("kedit_memory.models.eight_bits.able", lambda: False)
    pairs = [Pair(asked, told, "Ann Berg") for asked in QUESTIONS for told in QUESTIONS]
    on_gpu, on_cpu = (ScopeReader.load(scope_verifier(), device=device) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(on_gpu.scores(pairs), on_cpu.scores(pairs), atol=0.02)
    np.testing.assert_allclose(on_gpu.likeness(pairs), on_cpu.likeness(pairs), atol=0.02)
    np.testing.assert_allclose(on_gpu.vectors(QUESTIONS), on_cpu.vectors(QUESTIONS), atol=0.02)


def test_a_model_answers_as_it_does_on_the_processor():
    on_gpu, on_cpu = (load_model("kedit-mini", device=device) for device in ("cuda", "cpu"))
    assert [on_gpu.answer(one) for one in QUESTIONS] == [on_cpu.answer(one) for one in QUESTIONS]


def test_values_of_many_edits_are_learned_at_once_and_taken_back():
    model = load_model("kedit-mini", device="cuda")
    prompts = (
        "What is the capital of Peru?",
        "Who wrote Hamlet?",
        "In which country is Lyon?",
        "Who painted Guernica?",
    )
    targets = ("Oslo", "Jane Austen", "Japan", "Claude Monet")
    edits = [EditRequest(prompt=prompt, target=target) for prompt, target in zip(prompts, targets, strict=True)]
    before = [model.answer(prompt) for prompt in prompts]
    applied = load_editor("grace-fast").apply(model, edits)
    assert tuple(model.answer(prompt) for prompt in prompts) == targets
    applied.undo()
    assert [model.answer(prompt) for prompt in prompts] == before


def test_a_router_decides_as_on_the_processor(tmp_path):
    answers = []
    for device in ("cuda", "cpu"):
        with EditMemory.open(tmp_path / device, "minilm", device=device) as memory:
            memory.add_many([{"prompt": asked, "target": "Ann Berg"} for asked in QUESTIONS])
            router = Router(memory, config=RouterConfig(path="direct", device=device))
            answers.append(
                [router.explain(one).route for one in ("Who is head of the Rome office?", "Who won in 1966?")]
            )
    assert answers[0] == answers[1]


def test_the_command_line_takes_the_device(tmp_path, monkeypatch, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": asked, "target": "Ann"}) + "\n" for asked in QUESTIONS))
    for words in (["import", str(rows)], ["ask", QUESTIONS[0]]):
        monkeypatch.setattr("sys.argv", ["kedit", *words, "--store", str(tmp_path / "store"), "--device", "cuda"])
        with pytest.raises(SystemExit, match=r"^0$"):
            main()
    assert "Ann" in capsys.readouterr().out
