"""Control tokens, such as the end of a turn: real where a chat template writes them, mere text where a user does.

A tokenizer makes a control token of every text that reads like one. So a rendered prompt that holds such a text from
outside is read by a twin of the tokenizer, in which each control token has another name that nobody can guess: the
template's own are given these names, and what stands under the old names is text. All else is the tokenizer's own.
"""

import json
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Message

_BLANKS = r"\s*"


class ControlTokens:
    """The control tokens of one tokenizer: those marked as special, and added ones that its chat template writes."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        template = str(tokenizer.chat_template or "")
        added = {str(token): token.special for token in tokenizer.added_tokens_decoder.values()}
        written = (text for text, special in added.items() if special or text in template)
        texts = {text for text in (*tokenizer.all_special_tokens, *written) if text.strip()}
        self._texts = sorted(texts, key=lambda text: (-len(text), text))
        self._one = _any_of(self._texts)
        self._like_one = _any_of(sorted({_loosely(text) for text in texts}, key=len, reverse=True))
        sign = secrets.token_hex(8)
        self._names = {text: f"\ue000{sign}{place}\ue000" for place, text in enumerate(self._texts)}
        self._hidden = {text: f"\ue001{sign}{place}\ue001" for place, text in enumerate(self._texts)}

    def among(self, texts: Iterable[str]) -> bool:
        """Whether a text reads like one of them, maybe only once a tokenizer has normalised it."""
        return any(self._like_one.search(_loosely(text)) for text in texts)

    def reads(self, text: str) -> bool:
        """Whether the text is one of them and nothing else."""
        return text.strip() in self._names

    def hide(self, text: str) -> str:
        """The text of somebody who may write no control token, as it is to be rendered and given to `encode`."""
        return self._one.sub(lambda found: self._hidden[found[0]], text)

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """The ids of a rendered text: control tokens where it reads like them, text where `hide` has hidden them."""
        if not self._tokenizer.is_fast:
            return self._in_sections(text, add_special_tokens=add_special_tokens)
        named = self._one.sub(lambda found: self._names[found[0]], text)
        ids: list[int] = self._twin.encode(self._shown(named), add_special_tokens=add_special_tokens).ids
        return ids

    def _shown(self, text: str) -> str:
        for original, hidden in self._hidden.items():
            text = text.replace(hidden, original)
        return text

    @cached_property
    def _twin(self) -> Any:
        """The tokenizer with other names for its control tokens, wherever it keeps them; their ids stay."""
        from tokenizers import Tokenizer

        whole = json.loads(self._tokenizer.backend_tokenizer.to_str())
        whole["truncation"] = whole["padding"] = None
        for token in whole["added_tokens"]:
            token["content"] = self._names.get(token["content"], token["content"])
        model, names = whole["model"], self._names
        if isinstance(model["vocab"], dict):  # BPE, WordPiece and WordLevel; Unigram has pieces with their scores
            model["vocab"] = {names.get(piece, piece): number for piece, number in model["vocab"].items()}
        else:
            model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
        if model.get("unk_token") in names:
            model["unk_token"] = names[model["unk_token"]]
        return Tokenizer.from_str(json.dumps(whole))

    @cached_property
    def _with_blanks(self) -> re.Pattern[str]:
        """Finds control tokens together with the blanks that some of them take in."""
        flags = {str(token): token for token in self._tokenizer.added_tokens_decoder.values()}
        shapes = []
        for text in self._texts:
            before, after = (getattr(flags.get(text), side, False) for side in ("lstrip", "rstrip"))
            shapes.append(before * _BLANKS + re.escape(text) + after * _BLANKS)
        return re.compile("|".join(shapes) or r"(?!)")

    def _in_sections(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """The same for a tokenizer in Python, which can only take all of a text as words."""
        ids: list[int] = []
        place = 0
        for found in [*self._with_blanks.finditer(text), None]:
            words = self._shown(text[place : found.start() if found else None])
            ids += self._tokenizer(words, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            if found:
                ids.append(self._tokenizer.convert_tokens_to_ids(found[0].strip()))
                place = found.end()
        return self._tokenizer.build_inputs_with_special_tokens(ids) if add_special_tokens else ids


def texts_of(prompt: Prompt) -> list[str]:
    """All that somebody wrote of a prompt."""
    said = [turn.content for turn in prompt.turns]
    return [prompt.question, *prompt.facts, *prompt.passages, *said, prompt.must_say or ""]


def hidden_in(prompt: Prompt, controls: ControlTokens) -> Prompt:
    """The prompt with every text that reads like a control token hidden."""
    hide = controls.hide
    return replace(
        prompt,
        question=hide(prompt.question),
        facts=tuple(map(hide, prompt.facts)),
        passages=tuple(map(hide, prompt.passages)),
        turns=tuple(Message(turn.role, hide(turn.content)) for turn in prompt.turns),
        must_say=None if prompt.must_say is None else hide(prompt.must_say),
    )


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Finds any of these texts, longer ones first as they are given; nothing where there are none."""
    return re.compile("|".join(map(re.escape, texts)) or r"(?!)")


def _loosely(text: str) -> str:
    """The text with less than any tokenizer's normaliser leaves of it: no case, blanks or unseen characters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return "".join(character for character in text.casefold() if character.isprintable() and character != " ")
