import pytest

from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt, render
from kedit_memory.records import Decision, Edit, Kind, Match, Passage, RetrievedPassage, Route
from kedit_memory.routing.answer import REFUSAL, carry_out, fitted, prompt_of


class EchoModel:
    """Answers with what it was asked, so that the whole prompt can be seen; counts how often it is asked."""

    def __init__(self):
        self.calls = 0
        self.lengths = []

    def answer_many(self, prompts, *, max_new_tokens):
        self.calls += 1
        self.lengths.append(max_new_tokens)
        return [render(p.question, facts=p.facts, passages=p.passages) for p in prompts]


def decision(route, question="Who leads the UK?", *, target="Keir Starmer", kind=Kind.MODIFICATION, passages=()):
    edit = Edit(
        id="e1",
        kind=kind,
        prompt="Who is the Prime Minister of the UK?",
        target=target,
        statement="Keir Starmer is Prime Minister of the UK.",
        radius=0.5,
        created_at="2025-01-01T00:00:00Z",
    )
    has_edit = route not in {Route.RETRIEVAL, Route.PARAMETRIC}
    return Decision(
        question=question,
        route=route,
        reason="",
        edits=(Match(edit=edit, key=edit.prompt, distance=0.1, radius=0.5),) if has_edit else (),
        passages=tuple(RetrievedPassage(passage=Passage(id=t, title="", text=t), score=1.0) for t in passages),
    )


def never():
    pytest.fail("the model was got although nothing has to be generated")


def test_stored_answers_need_no_model():
    decisions = [decision(Route.DIRECT), decision(Route.REFUSAL, target=None, kind=Kind.ERASURE)]
    assert carry_out(decisions, never, 24) == ["Keir Starmer", REFUSAL]
    assert carry_out([], never, 24) == []


def test_a_refusal_does_not_say_what_it_keeps_back():
    (text,) = carry_out([decision(Route.REFUSAL)], never, 24)
    assert "Starmer" not in text


@pytest.mark.parametrize(
    ("made", "prompt"),
    [
        (
            decision(Route.CONTEXT),
            Prompt(question="Who leads the UK?", facts=("Keir Starmer is Prime Minister of the UK.",)),
        ),
        (
            decision(Route.RETRIEVAL, passages=["One.", "Two."]),
            Prompt(question="Who leads the UK?", passages=("One.", "Two.")),
        ),
        (decision(Route.PARAMETRIC), Prompt(question="Who leads the UK?")),
    ],
)
def test_what_the_model_is_asked(made, prompt):
    assert prompt_of(made) == prompt
    model = EchoModel()
    assert carry_out([made], lambda: model, 7) == [render(prompt.question, prompt.facts, prompt.passages)]
    assert model.lengths == [7]


def test_a_mixed_batch_keeps_its_order_and_asks_once():
    model = EchoModel()
    decisions = [
        decision(Route.PARAMETRIC, "One?"),
        decision(Route.DIRECT),
        decision(Route.CONTEXT, "Two?"),
        decision(Route.REFUSAL),
        decision(Route.PARAMETRIC, "Three?"),
    ]
    first, second, third, fourth, fifth = carry_out(decisions, lambda: model, 24)
    assert (second, fourth) == ("Keir Starmer", REFUSAL)
    assert first == "Question: One?\nAnswer:"
    assert third == "Fact: Keir Starmer is Prime Minister of the UK.\nQuestion: Two?\nAnswer:"
    assert fifth == "Question: Three?\nAnswer:"
    assert model.calls == 1


@pytest.mark.parametrize(
    ("lengths", "kept"),
    [
        ([10, 10, 10], [0, 1, 2]),
        ([100, 100, 100], [0, 1]),
        ([300, 10, 10], [1, 2]),
    ],
)
def test_passages_that_the_model_cannot_read_are_left_out(tiny_gpt2_folder, lengths, kept):
    model = load_model(str(tiny_gpt2_folder))
    texts = [str(place) * length for place, length in enumerate(lengths)]
    (made,) = fitted([decision(Route.RETRIEVAL, "Who?", passages=texts)], lambda: model, 4)
    assert [found.passage.text for found in made.passages] == [texts[place] for place in kept]
    left_out = len(lengths) - len(kept)
    assert made.reason == (f"; {left_out} of them left out, too long for the model's window" if left_out else "")


def test_a_passage_too_long_by_itself_is_cut_behind_a_sentence(tiny_gpt2_folder):
    model = load_model(str(tiny_gpt2_folder))
    sentences = [letter * 40 + "." for letter in "ABCDEFGH"]
    passages = [" ".join(sentences), "x" * 300]
    (made,) = fitted([decision(Route.RETRIEVAL, "Who?", passages=passages)], lambda: model, 4)
    (kept,) = made.passages
    assert kept.passage.id == passages[0]
    count = kept.passage.text.count(".")
    assert 0 < count < len(sentences)
    assert kept.passage.text == " ".join(sentences[:count])
    assert model.fits(prompt_of(made), max_new_tokens=4)
    assert made.reason == "; the best cut to the model's window, 1 left out"
    assert made.route is Route.RETRIEVAL


def test_the_model_answers_by_itself_where_no_sentence_of_a_passage_fits(tiny_gpt2_folder):
    model = load_model(str(tiny_gpt2_folder))
    (made,) = fitted([decision(Route.RETRIEVAL, "Who?", passages=["x" * 300])], lambda: model, 4)
    assert (made.route, made.passages) == (Route.PARAMETRIC, ())
    assert made.reason.endswith("so the model answers by itself")


def test_passages_stay_where_no_window_is_known_and_no_model_is_got_without_need():
    echo = EchoModel()
    many = decision(Route.RETRIEVAL, passages=["long" * 900, "longer" * 900])
    assert fitted([many], lambda: echo, 4) == [many]
    assert fitted([decision(Route.DIRECT), decision(Route.PARAMETRIC)], never, 4)
