"""The embedded model's training: documents packed into a window are learned as if each stood alone."""

import argparse
from itertools import islice, pairwise

import pytest
import torch
import train_embedded_model as training
from training_text import Document, TextMaker
from transformers import GPT2LMHeadModel

from kedit_memory.questions import is_cloze
from kedit_memory.world import load_world


@pytest.fixture(scope="module")
def maker() -> TextMaker:
    return TextMaker(load_world(), seed=3)


@pytest.fixture(scope="module")
def tiny(tiny_tokenizer):
    tokenizer = tiny_tokenizer
    shape = argparse.Namespace(width=32, layers=2, heads=2)
    model = GPT2LMHeadModel(training._config(shape, len(tokenizer))).eval()
    training.place_positions(model)
    return model, tokenizer


def test_packed_documents_do_not_see_each_other(tiny) -> None:
    model, tokenizer = tiny
    texts = ["Fact: Ann is the king.", "Question: Who?\nAnswer: Berlin", "Paris"]
    documents = [Document(prompt="", answer=text, prompt_weight=0.0) for text in texts]
    row = next(training.rows(tokenizer, iter(documents * 200)))
    ids, places, weights, mask = training._tensors([row])
    with torch.no_grad():
        packed = model(input_ids=ids, position_ids=places, attention_mask=mask).logits[0]
        start = 0
        for length in row.lengths:
            alone = model(input_ids=ids[:, start : start + length]).logits[0]
            assert torch.allclose(packed[start : start + length], alone, atol=1e-4)
            assert weights[0, start] == 0  # the first token follows another document's end
            start += length
    assert len(row.lengths) > 3


def test_every_document_comes_once_and_ends(tiny, maker: TextMaker) -> None:
    _, tokenizer = tiny
    documents = [Document(prompt="", answer=f"Fact {number}", prompt_weight=0.0) for number in range(500)]
    stream = iter([*documents, *islice(maker, 400)])
    seen: list[str] = []
    for row in islice(training.rows(tokenizer, stream), 3):
        start = 0
        for length in row.lengths:
            seen.append(tokenizer.decode(row.ids[start : start + length - 1]))
            assert row.ids[start + length - 1] == 0
            start += length
    assert len(seen) == len(set(seen))


def test_only_the_question_and_its_answer_count(tiny) -> None:
    _, tokenizer = tiny
    document = Document(context="Fact: Ann is the king.\n", prompt="Question: Who?\nAnswer:", answer=" Ann")
    [(ids, weights)] = training.encode(tokenizer, [document])
    context = len(tokenizer(document.context)["input_ids"])
    answer = len(tokenizer(document.answer)["input_ids"]) + 1
    assert weights == [0.0] * context + [0.3] * (len(ids) - context - answer) + [1.0] * answer


def test_reading_documents_hold_their_answer(maker: TextMaker) -> None:
    for kind in ("edit_before_question", "invented_relation", "passages_before_question", "two_hops"):
        for _ in range(300):
            document = getattr(maker, kind)()
            answer = document.answer.strip()
            question = document.prompt.removeprefix("Question: ").removesuffix("\nAnswer:")
            answer = answer.removesuffix(".") if is_cloze(question) else answer
            assert answer.lower() in document.context.lower(), (kind, document)  # a sentence may begin with it


def test_the_same_seed_draws_the_same_documents() -> None:
    one, other = (list(islice(TextMaker(load_world(), seed=9), 300)) for _ in range(2))
    assert one == other


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates = [training._schedule(step, step / 10_000) for step in range(10_001)]
    assert rates[0] < rates[100] < rates[400] == rates[7_900] == 1.0
    assert rates[-1] == pytest.approx(0.02)
    assert all(later <= earlier for earlier, later in pairwise(rates[8_000:]))
