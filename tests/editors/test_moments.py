"""Second moments: what they are, when they are taken, and a cache that nothing can spoil."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kedit_memory.editors import named_editor
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._moments import Moments, read_paragraphs
from kedit_memory.editors._progress import silent
from kedit_memory.editors._samples import shipped_questions, shipped_texts
from kedit_memory.editors.rome import Rome
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.records import EditRequest

LINES = [f"Line {i}: the number {i * i} follows {i}." for i in range(40)]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES), "utf-8")
    return path


class Counting:
    """A progress callback that keeps what it is told."""

    def __init__(self):
        self.told = []

    def __call__(self, done, total):
        self.told.append((done, total))


def take(model, moments, layers=(0, 1), tell=silent):
    return moments.of(model, decoder_family(model, "rome"), layers, tell)


def test_they_are_the_mean_product_of_what_the_projection_reads(model, text):
    family = decoder_family(model, "rome")
    found = take(model, Moments(None, text=text, tokens=10**6))
    for layer, moment in found.items():
        keys = []
        module = family.part(model.model, layer, "mlp_out")
        handle = module.register_forward_pre_hook(lambda _, args, keys=keys: keys.append(args[0][0]))
        for line in LINES:
            model.logits(line)
        handle.remove()
        rows = torch.cat(keys).numpy().astype(float)
        assert np.allclose(moment.numpy(), rows.T @ rows / len(rows), atol=1e-5)


def test_without_a_text_half_are_of_paragraphs_and_half_of_questions_with_their_answers(one):
    read = []
    stack = one.model.get_input_embeddings()
    handle = stack.register_forward_pre_hook(lambda _, args: read.extend(args[0].tolist()))
    take(one, Moments(None, tokens=1000), [0])
    handle.remove()
    texts = [one.tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in read]
    (question, answer), *_ = shipped_questions()
    first = next(i for i, text in enumerate(texts) if question in text)
    assert answer in texts[first].partition(question)[2]
    passages = [" ".join(text.split()) for text in shipped_texts()]
    pad = one.tokenizer.pad_token_id
    asked = [not any(passage.startswith(text) for passage in passages) for text in texts]
    counts = [
        sum(token != pad for ids, own in zip(read, asked, strict=True) for token in ids if own == half)
        for half in (False, True)
    ]
    assert sum(counts) == 1000
    assert abs(counts[0] - 500) < 10  # what is cut off after a word or two is like the beginning of much else


def test_they_are_taken_once_for_a_model_and_told_of(one, text):
    progress = Counting()
    moments = Moments(None, text=text, tokens=300)
    first = take(one, moments, [0], progress)
    assert progress.told[-1] == (300, 300)
    assert progress.told == sorted(progress.told)
    told = len(progress.told)
    assert take(one, moments, [0], progress)[0] is first[0]
    assert len(progress.told) == told
    take(one, moments, [0, 1], progress)
    assert len(progress.told) == 2 * told


def test_edits_do_not_move_them(one, text):
    rome = Rome(layer=0, tokens=300, text=text, steps=2)
    family = decoder_family(one, "rome")
    before = rome.moments_of(one, family, [1])[1]
    rome.apply(one, [EditRequest(prompt="The capital of France is", target="Rome", subject="France")])
    assert rome.moments_of(one, family, [1])[1] is before


def test_paths_may_be_given_as_words(one, text, tmp_path):
    family = decoder_family(one, "rome")
    rome = named_editor(f"rome:text={text}:tokens=300:cache={tmp_path / 'cache'}")
    assert torch.equal(rome.moments_of(one, family, [0])[0], take(one, Moments(None, text=text, tokens=300), [0])[0])
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("option", ["text", "cache"])
def test_what_is_no_path_is_refused(option):
    with pytest.raises(InvalidInputError, match=f"{option} of rome is 3; it takes a path"):
        named_editor(f"rome:{option}=3")


def test_without_a_count_they_take_twenty_tokens_for_each_number(one, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("\n".join(LINES * 20), "utf-8")
    progress = Counting()
    take(one, Moments(None, text=path), [0], progress)
    assert progress.told[-1] == (20 * 128, 20 * 128)


def test_a_cache_serves_the_next_process(model, text, tmp_path):
    folder = tmp_path / "deep" / "cache"
    first = take(model, Moments(folder, text=text, tokens=300))
    names = {path.name for path in folder.iterdir()}
    assert len(names) == 2
    assert all(model.fingerprint in name and "-300-layer" in name for name in names)
    progress = Counting()
    second = take(model, Moments(folder, text=text, tokens=300), tell=progress)
    assert progress.told == []
    assert all(torch.equal(first[layer], second[layer]) for layer in first)


def test_another_text_count_or_model_is_another_key(one, text, tmp_path):
    folder = tmp_path / "cache"
    take(one, Moments(folder, text=text, tokens=300), [0])
    take(one, Moments(folder, text=text, tokens=301), [0])
    text.write_text("Another text.\n" * 30, "utf-8")
    take(one, Moments(folder, text=text, tokens=300), [0])
    with torch.no_grad():
        one.model.transformer.h[0].mlp.c_fc.weight.add_(1)
    take(one, Moments(folder, text=text, tokens=300), [0])
    assert len(list(folder.iterdir())) == 4


def test_what_is_made_of_them_is_made_once_and_kept_beside_them(one, text, tmp_path):
    folder, calls = tmp_path / "cache", []

    def double(moment):
        calls.append(moment)
        return 2 * moment.double()

    for _ in range(2):  # processes
        moments = Moments(folder, text=text, tokens=300)
        for _ in range(2):
            found = take(one, moments)
            made = moments.made(one, found, "double", double)
        assert all(torch.equal(made[layer], 2 * found[layer].double()) for layer in (0, 1))
    assert len(calls) == 2
    assert sorted(path.name.partition("-layer")[2] for path in folder.iterdir()) == [
        "0-double.safetensors", "0.safetensors", "1-double.safetensors", "1.safetensors",
    ]  # fmt: skip
    whole = made[0].clone()  # what was read lies in its file
    for path in folder.glob("*-double*"):
        path.unlink()
        path.write_bytes(b"cut")
    moments = Moments(folder, text=text, tokens=300)
    assert torch.equal(moments.made(one, take(one, moments, [0]), "double", double)[0], whole)
    assert len(calls) == 3


@pytest.mark.parametrize(("method", "kept"), [("rome", "factor"), ("alphaedit", "free-0.2")])
def test_the_next_edit_factors_nothing(one, text, tmp_path, method, kept, monkeypatch):
    layers = ":layer=0" if method == "rome" else ":layers=[0]"
    edit = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
    named_editor(f"{method}{layers}:text={text}:tokens=300:steps=2:cache={tmp_path}").apply(one, [edit]).undo()
    assert [path.name for path in tmp_path.glob(f"*{kept}*")]
    for name in ("cholesky", "eigh"):
        monkeypatch.setattr(torch.linalg, name, None)
    named_editor(f"{method}{layers}:text={text}:tokens=300:steps=2:cache={tmp_path}").apply(one, [edit]).undo()


@pytest.mark.parametrize("harm", ["cut", "empty", "noise", "other_key", "not_finite", "no_tensor"])
def test_a_damaged_cache_is_taken_anew(one, text, tmp_path, harm):
    folder = tmp_path / "cache"
    first = take(one, Moments(folder, text=text, tokens=300), [0])[0]
    (path,) = folder.iterdir()
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    label = json.loads(content[8 : 8 + size])["__metadata__"]
    match harm:
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "empty":
            path.write_bytes(b"")
        case "noise":
            path.write_bytes(b"\x07" * 4000)
        case "other_key":
            save_file({"moment": torch.zeros(128, 128)}, path, metadata=label | {"tokens": "299"})
        case "not_finite":
            save_file({"moment": torch.full((128, 128), torch.nan)}, path, metadata=label)
        case "no_tensor":
            save_file({"other": torch.zeros(1)}, path, metadata=label)
    assert torch.equal(take(one, Moments(folder, text=text, tokens=300), [0])[0], first)
    assert torch.equal(load_file(path)["moment"], first), "and written over"


def test_the_shipped_passages_are_the_default(one):
    assert take(one, Moments(None, tokens=200), [0])[0].shape == (128, 128)


def test_what_cannot_be_read_is_said(one, tmp_path):
    path = tmp_path / "none.txt"
    with pytest.raises(InvalidInputError, match="is no text to take moments from"):
        take(one, Moments(None, text=path, tokens=10))
    path.write_text("\n \n", "utf-8")
    with pytest.raises(InvalidInputError, match="holds no text"):
        read_paragraphs(path)
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"title": "a"}\n', "utf-8")
    with pytest.raises(InvalidInputError, match="is no text"):
        read_paragraphs(lines)
    lines.write_text('{"text": "a"}\n{"text": "b"}\n', "utf-8")
    assert sorted(read_paragraphs(lines)) == ["a", "b"]


def test_a_cache_that_cannot_be_written_is_said(one, text, tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(InvalidInputError, match="name another cache folder") as caught:
        take(one, Moments(tmp_path / "file" / "cache", text=text, tokens=50))
    assert "\n" not in str(caught.value)


def test_activations_that_overflow_are_said(one, text):
    with torch.no_grad():
        one.model.transformer.h[0].mlp.c_fc.weight.fill_(torch.inf)
    with pytest.raises(EditorError, match="overflows its precision"):
        take(one, Moments(None, text=text, tokens=50), [0])
    assert Path(text).is_file()


def test_layers_above_the_last_that_is_asked_for_do_not_run(one, text):
    ran = []
    handle = one.model.transformer.h[1].register_forward_pre_hook(lambda *_: ran.append(1))
    take(one, Moments(None, text=text, tokens=300), [0])
    assert not ran
    take(one, Moments(None, text=text, tokens=300), [1])
    assert ran
    handle.remove()
