import pytest

from kedit_memory.errors import CapabilityError
from kedit_memory.models.formats import context
from kedit_memory.models.language import Reply
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Decision, Edit, Kind, Match, Message, Passage, RetrievedPassage, Route
from kedit_memory.routing.answer import REFUSAL, Speakers, answer_many
from kedit_memory.routing.asking import fitted, prompt_of

STATEMENT = "Keir Starmer is Prime Minister of the UK."


class EchoModel:
    """Replies with what it was asked, so that the whole prompt can be seen; counts how often it is asked."""

    def __init__(self):
        self.calls = 0
        self.lengths = []

    def reply_many(self, prompts, *, max_new_tokens, on_text=None):
        self.calls += 1
        self.lengths.append(max_new_tokens)
        texts = [f"{context(prompt)}|{prompt.question}" for prompt in prompts]
        for piece in texts[0].partition("|") if on_text else ():
            on_text(piece)
        return [Reply(text=text, cut=len(text) > 60) for text in texts]


class Says:
    """A model that says one text after the other, and remembers its prompts."""

    def __init__(self, *texts):
        self.texts, self.asked = list(texts), []

    def reply_many(self, prompts, *, max_new_tokens, on_text=None):  # noqa: ARG002 - as models have it
        self.asked += prompts
        return [Reply(text=self.texts.pop(0)) for _ in prompts]


def decision(route, question="Who leads the UK?", *, target="Keir Starmer", kind=Kind.MODIFICATION, passages=()):
    edit = Edit(
        id="e1",
        kind=kind,
        prompt="Who is the Prime Minister of the UK?",
        target=target,
        statement=STATEMENT,
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


def speakers(model=never, *, counterfactual=never, max_new_tokens=None):
    got = (lambda: model) if model is not never else never
    reads = (lambda: counterfactual) if counterfactual is not never else never
    return Speakers(model=got, counterfactual=reads, values=never, max_new_tokens=max_new_tokens)


def texts(decisions, *given, **more):
    return [one.text for one in answer_many(decisions, speakers(*given, **more))]


def test_stored_answers_need_no_model():
    decisions = [decision(Route.DIRECT), decision(Route.REFUSAL, target=None, kind=Kind.ERASURE)]
    assert texts(decisions) == ["Keir Starmer", REFUSAL]
    assert texts([]) == []


def test_a_refusal_does_not_say_what_it_keeps_back():
    (text,) = texts([decision(Route.REFUSAL)])
    assert "Starmer" not in text


@pytest.mark.parametrize(
    ("made", "prompt"),
    [
        (
            decision(Route.CONTEXT),
            Prompt(question="Who leads the UK?", facts=(STATEMENT,)),
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
    (answer,) = answer_many([made], speakers(model, max_new_tokens=7))
    assert answer.text == f"{context(prompt)}|Who leads the UK?"
    assert answer.cut == (len(answer.text) > 60)
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
    first, second, third, fourth, fifth = texts(decisions, model)
    assert (second, fourth) == ("Keir Starmer", REFUSAL)
    assert (first, fifth) == ("|One?", "|Three?")
    assert third == f"{context(Prompt(question='Two?', facts=(STATEMENT,)))}|Two?"
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


def test_an_answer_that_says_what_the_edit_says_stays():
    model = Says("It is Keir  Starmer.")
    (answer,) = answer_many([decision(Route.CONTEXT)], speakers(model))
    assert (answer.text, answer.route, answer.reason) == ("It is Keir  Starmer.", Route.CONTEXT, "")
    assert len(model.asked) == 1


def test_a_model_that_leaves_the_edit_out_is_asked_again_firmly():
    model = Says("It is Rishi Sunak.", "Keir Starmer leads it.")
    (answer,) = answer_many([decision(Route.CONTEXT)], speakers(model))
    assert (answer.text, answer.route) == ("Keir Starmer leads it.", Route.CONTEXT)
    assert answer.reason == "; the first answer left it out, so the model was asked for it again"
    assert [prompt.must_say for prompt in model.asked] == [None, "Keir Starmer"]


def test_the_stored_answer_is_said_where_the_model_does_not_say_it():
    model = Says("Rishi Sunak.", "I am a language model.")
    (answer,) = answer_many([decision(Route.CONTEXT)], speakers(model))
    assert (answer.text, answer.route) == ("Keir Starmer", Route.DIRECT)
    assert answer.reason == "; the model did not say it, so the stored answer is given"


def test_the_counterfactual_model_is_checked_too():
    reader = Says("Rishi Sunak.")
    (answer,) = answer_many([decision(Route.SERAC)], speakers(counterfactual=reader))
    assert (answer.text, answer.route) == ("Keir Starmer", Route.DIRECT)
    assert len(reader.asked) == 1


@pytest.mark.parametrize("question", ["Is Rishi Sunak in office?", "Write a limerick about the Prime Minister."])
def test_who_asks_for_something_else_gets_the_models_answer(question):
    (answer,) = answer_many([decision(Route.CONTEXT, question)], speakers(Says("No.")))
    assert (answer.text, answer.route) == ("No.", Route.CONTEXT)
    assert answer.reason == "; it does not ask for the fact itself, so the model's answer is not compared"


def test_pieces_come_as_they_are_generated_where_nothing_is_compared():
    heard = []
    (answer,) = answer_many([decision(Route.PARAMETRIC)], speakers(EchoModel()), heard.append)
    assert len(heard) > 1
    assert "".join(heard) == answer.text
    heard.clear()
    (answer,) = answer_many([decision(Route.CONTEXT)], speakers(Says("No idea.", "Keir Starmer")), heard.append)
    assert heard == [answer.text] == ["Keir Starmer"]
    heard.clear()
    answer_many([decision(Route.DIRECT)], speakers(), heard.append)
    assert heard == ["Keir Starmer"]


@pytest.mark.parametrize(("route", "text"), [(Route.PARAMETRIC, "Tokyo"), (Route.RETRIEVAL, None)])
def test_what_the_gate_heard_already_is_said_once(route, text):
    made = decision(route, passages=["One."] if route is Route.RETRIEVAL else ())
    heard = []
    (answer,) = answer_many([Decision(**(vars(made) | {"own_answer": "Tokyo"}))], speakers(EchoModel()), heard.append)
    assert "".join(heard) == answer.text
    assert text in (None, answer.text)


TURNS = tuple(Message(role, f"{role} {place} " + "x" * 20) for place in range(5) for role in ("user", "assistant"))


def test_the_oldest_turns_go_first_where_a_dialogue_is_too_long(tiny_folder):
    model = load_model(str(tiny_folder("gpt2-chat")))
    long = replace_turns(decision(Route.PARAMETRIC, "Who?"), (Message("system", "Be brief."), *TURNS))
    (made,) = fitted([long], lambda: model, 4)
    assert made.turns[0] == ("system", "Be brief.")
    kept = made.turns[1:]
    assert 0 < len(kept) < len(TURNS)
    assert kept == TURNS[-len(kept) :]
    assert model.fits(prompt_of(made), max_new_tokens=4)
    assert not model.fits(prompt_of(replace_turns(made, (made.turns[0], *TURNS[-len(kept) - 1 :]))), max_new_tokens=4)
    dropped = len(TURNS) - len(kept)
    assert made.reason == f"; the oldest {dropped} turns left out, too long for the model's window"


def test_a_model_without_a_form_for_turns_refuses_them_or_says_that_it_reads_none(tiny_gpt2_folder):
    asked = replace_turns(decision(Route.PARAMETRIC, "Who?"), TURNS[:2])
    with pytest.raises(CapabilityError, match="has no chat template, so it cannot go on with a dialogue"):
        fitted([asked], lambda: load_model(str(tiny_gpt2_folder)), 4)
    (made,) = fitted([asked], lambda: load_model("kedit-mini"), 4)
    assert (made.turns, made.reason) == ((), "; kedit-mini takes each question by itself")
    stored = replace_turns(decision(Route.DIRECT), TURNS[:2])
    assert fitted([stored], never, 4) == [stored]


def replace_turns(made, turns):
    return Decision(**(vars(made) | {"turns": turns}))
