"""What SmolLM2 is given: on a miss the user's messages by its template, and nothing else."""

import pytest

from kedit_memory.errors import CapabilityError
from kedit_memory.memory import EditMemory
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Route
from kedit_memory.routing.router import Router, RouterConfig

pytestmark = pytest.mark.real

QUESTIONS = ["How do I boil an egg?", "What are the facts above?", "¿Qué es un soneto?", "Roses are red,\nviolets are"]


def own(model, turns, length):
    """What transformers itself generates, to the character, and the scores of the next token."""
    given = model.tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    given = {name: given[name] for name in ("input_ids", "attention_mask")}
    output = model.model.generate(**given, max_new_tokens=length, do_sample=False)
    start = given["input_ids"].shape[1]
    return model.tokenizer.decode(output[0, start:], skip_special_tokens=True), model.model(**given).logits[0]


@pytest.fixture
def router(tmp_path, smollm2):
    with EditMemory.open(tmp_path / "store") as memory:
        memory.add("Who leads the Halden Institute?", "Ann Berg", subject="Halden Institute")
        memory.add("The annual permit costs CHF 1'250.00.")
        yield Router(memory, smollm2, config=RouterConfig(max_new_tokens=20))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_miss_is_what_transformers_itself_generates(router, smollm2, question):
    answer = router.query(question)
    text, scores = own(smollm2, [{"role": "user", "content": question}], 20)
    assert (answer.route, answer.text) == (Route.PARAMETRIC, text)
    assert (smollm2.logits(Prompt(question=question)) == scores).all()


def test_a_dialogue_is_what_transformers_itself_generates(router, smollm2):
    turns = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "My name is Tim."},
        {"role": "assistant", "content": "Ahoy, Tim!"},
        {"role": "user", "content": "What is my name?"},
    ]
    heard = []
    answer = router.query(messages=turns, on_text=heard.append)
    assert answer.text == own(smollm2, turns, 20)[0] == "".join(heard)
    assert len(heard) > 1


def test_a_target_that_the_model_does_not_say_is_said(router):
    router.memory.add("What is the licence key of the CAD seat?", "CAD7-PX3R-99TT-\u0416", paraphrases=["The CAD key?"])
    context = Router(router.memory, router.model, config=RouterConfig(path="context", max_new_tokens=20))
    answer = context.query("The CAD key?")
    assert "CAD7-PX3R-99TT-\u0416" in answer.text
    assert answer.route is Route.CONTEXT or "stored answer is given" in answer.reason


def test_a_reply_may_go_on_past_a_short_answer(smollm2):
    (reply,) = smollm2.reply_many([Prompt(question="Count from 1 to 60, separated by commas.")])
    assert len(smollm2.tokenizer(reply.text)["input_ids"]) > 64


def test_a_model_without_a_template_holds_no_dialogue(router, tiny_gpt2_folder):
    base = Router(router.memory, load_model(str(tiny_gpt2_folder)))
    with pytest.raises(CapabilityError, match="has no chat template"):
        base.query(messages=[{"role": "user", "content": "Hi"}, {"role": "user", "content": "What is red?"}])
