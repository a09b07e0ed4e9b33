"""Where a subject ends among the tokens of a prompt, and the texts in which an edit of it is made."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kedit_memory.editors.base import Fact
from kedit_memory.errors import CapabilityError, InvalidInputError, PromptTooLongError
from kedit_memory.models.families import Family, family_of
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt

ESSENCE = "{subject} is a"  # the prompt of Meng et al. (2022) whose answer an edit should leave alone


@dataclass(frozen=True, kw_only=True)
class Site:
    """Token ids of a text, the place of the subject's last token, and the place where the target begins."""

    ids: tuple[int, ...]
    at: int
    target: int  # len(ids) where there is none


def decoder_family(model: WhiteBoxModel, method: str) -> Family:
    """The places in a model of one stack of layers, in which tokens attend to earlier ones alone.

    Raises:
        CapabilityError: it is no such model, or its layers cannot be told.
    """
    family = family_of(model.model)
    if not family.decoder_only:
        kind = "an encoder and a decoder" if model.model.config.is_encoder_decoder else "layers that look ahead"
        raise CapabilityError(f"{method} works on decoders alone, and {model.name}, a {family.name} model, has {kind}")
    return family


def subject_tokens(model: WhiteBoxModel, prompt: Prompt | str, subject: str) -> range:
    """The places of the subject's tokens in `model.encode(prompt)`, by its last mention in the question.

    Raises:
        InvalidInputError: the prompt does not name the subject, or reads like a control token somewhere.
        CapabilityError: the tokenizer does not say which characters a token stands for.
    """
    if not model.tokenizer.is_fast:
        raise CapabilityError(
            f"the tokenizer of {model.name} gives no offsets, so no subject can be located in its text"
        )
    text = prompt if isinstance(prompt, str) else model.render(prompt)
    question = text if isinstance(prompt, str) else prompt.question.strip()
    # A chat template may have words of its own after the question; only the question's count.
    first = max(text.rfind(question), 0)
    start = _last_mention(text[first : first + len(question)], subject) + first
    end = start + len(subject)
    if model.encode_text(question) != model.tokenizer(question, add_special_tokens=False, verbose=False)["input_ids"]:
        raise InvalidInputError(f"the prompt {question!r} holds a control token of {model.name}; leave it out")
    encoding = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    lead = len(model.encode(prompt)) - len(encoding["input_ids"])
    places = [i for i, (a, b) in enumerate(encoding["offset_mapping"]) if a < end and b > start]
    return range(places[0] + lead, places[-1] + 1 + lead)


def taught(model: WhiteBoxModel, fact: Fact, prefixes: Sequence[str], *, end: bool = False) -> list[Site]:
    """The fact's prompt with its target, alone and then after each prefix that the model's window has room for.

    The target stands alone, as in the papers, without the full stop that makes a sentence of a cloze prompt; with
    `end`, that and what ends an answer in the model's form follow it.

    Raises:
        PromptTooLongError: the prompt with its target does not fit the window.
        InvalidInputError: the prompt does not name the subject.
    """
    sites = []
    answer = model.continuation(fact.asked, fact.target)
    if not end and not fact.target.endswith("."):
        answer = answer.removesuffix(".")
    for prefix in ("", *prefixes):
        prompt = _after(model, prefix, fact)
        place = subject_tokens(model, prompt, fact.subject or "")[-1]
        given, wanted = model.join(prompt, answer)
        wanted = [*wanted, *(model.ending(fact.asked) if end else ())]
        if model.fits(prompt, max_new_tokens=len(wanted)):
            sites.append(Site(ids=(*given, *wanted), at=place, target=len(given)))
        elif not prefix:
            raise PromptTooLongError(
                f"the prompt {fact.prompt!r} with its target does not fit the window of {model.name}"
            )
    return sites


def essence(model: WhiteBoxModel, subject: str) -> Site:
    """The essence prompt about the subject, as plain text."""
    text = ESSENCE.format(subject=subject)
    ids = model.encode(text)
    return Site(ids=tuple(ids), at=subject_tokens(model, text, subject)[-1], target=len(ids))


def _last_mention(text: str, subject: str) -> int:
    """Where the last mention starts, one that is a word of its own before one within a word."""
    whole = [found.start() for found in re.finditer(rf"(?<!\w){re.escape(subject)}(?!\w)", text)]
    start = whole[-1] if whole else text.rfind(subject)
    if not subject or start < 0:
        raise InvalidInputError(
            f"the subject {subject!r} is not in the prompt {text!r}; give it as the prompt spells it"
        )
    return start


def _after(model: WhiteBoxModel, prefix: str, fact: Fact) -> Prompt | str:
    """The prompt after some other text: within the user's message of a chat, else before the whole."""
    if model.tokenizer.chat_template:
        return Prompt(question=f"{prefix}. {fact.prompt}" if prefix else fact.prompt)
    text = model.render(fact.asked)
    return f"{prefix}. {text}" if prefix else text
