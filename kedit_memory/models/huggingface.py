"""Any causal or encoder-decoder language model of Hugging Face, by name or folder: a `WhiteBoxModel`."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel, StoppingCriteriaList

from kedit_memory.errors import InvalidInputError, ModelError, PromptTooLongError
from kedit_memory.models.batches import StopTexts, by_length, cut, pad, until_end
from kedit_memory.models.controls import ControlTokens, hidden_in, texts_of
from kedit_memory.models.faults import one_line
from kedit_memory.models.formats import clean, format_of
from kedit_memory.models.language import OnText, Reply, ScoringModel, StandIn, Substitute, requires, white_box
from kedit_memory.models.loading import fingerprint_of, load_checkpoint
from kedit_memory.models.pieces import Pieces
from kedit_memory.models.prompts import MAX_NEW_TOKENS, AnswersOne, Prompt
from kedit_memory.models.substitution import divided

# Scores of one scoring batch, all positions and words: half a gibibyte in float32.
_SCORES_AT_ONCE = 2**27

# Greedy, so that the same question has the same answer; all else is as the checkpoint's generation_config.json has it.
_GREEDY = {
    "do_sample": False, "num_beams": 1, "temperature": 1.0, "top_k": 50, "top_p": 1.0, "typical_p": 1.0,
    "return_dict_in_generate": False,
}  # fmt: skip


class HuggingFaceModel(AnswersOne):
    """A `WhiteBoxModel` around a transformers model.

    Deterministic: generation is greedy. Batches are padded here, on the side that the task needs, so the
    tokenizer's own side does not matter. No gradient is kept; editors that need one call `model`.

    Attributes:
        context: Where it is not None, every `Prompt` goes through it before it is rendered; it may put facts and
            passages before the question. Texts given as plain strings do not. In-context edits set it.
        stand_in: Where it is not None, it says which prompts another model generates, answers and scores in this
            one's place, `logits` and `log_probabilities` by that one's own words. Tokens, hidden states and weights
            are always this model's own, as is all for texts given as plain strings. SERAC sets it.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Any, *, name: str, batch_size: int = 32) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.batch_size = batch_size
        self.context: Callable[[Prompt], Prompt] | None = None
        self.stand_in: StandIn | None = None
        self.format = format_of(tokenizer)
        self._controls = ControlTokens(tokenizer)
        self._pad = int(tokenizer.pad_token_id)
        self._end = self._end_of_answers()
        self._ends = _end_tokens(model, tokenizer) | {self._end}
        self._own_length = getattr(model.generation_config, "max_new_tokens", None)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        name: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        device_map: str | dict[str, Any] | None = None,
    ) -> "HuggingFaceModel":
        """The model in a folder or under a Hub name; options as in `named.load_model`.

        Raises:
            ModelError: The model is not there, is damaged, or cannot generate.
            MissingDependencyError: `device_map` is given and accelerate is not installed.
        """
        model, tokenizer = load_checkpoint(source, device=device, dtype=dtype, device_map=device_map)
        with one_line(f"use the model {name or source}"):
            return cls(model, tokenizer, name=name or str(source))

    @property
    def device(self) -> torch.device:
        """Where the model takes its inputs."""
        weight: torch.Tensor = self.model.get_input_embeddings().weight  # type: ignore[assignment]
        return weight.device

    @property
    def window(self) -> int | None:
        """The most tokens, prompt and answer together; None where the model sets no limit (T5)."""
        config = self.model.config.get_text_config(decoder=True)
        return getattr(config, "max_position_embeddings", None)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the configuration and 256 values of each weight, taken now.

        Evenly spaced values keep it cheap at any size. It changes with an edit of a weight matrix (such
        as ROME's); a change of a few single values can go unseen.
        """
        return fingerprint_of(self.model)

    def render(self, prompt: Prompt) -> str:
        """The text that the model is given, in its format."""
        return self.format.render(prompt if self.context is None else self.context(prompt))

    def continuation(self, prompt: Prompt, answer: str) -> str:
        """The text with which the model would give `answer` after `prompt`."""
        return answer.strip() if self._is_encoder_decoder else self.format.continuation(prompt, answer)

    def ending(self, prompt: Prompt) -> list[int]:
        """The ids that end an answer to the prompt: a chat's end of turn or the end of text; none where a text goes on.

        An encoder-decoder ends every text that it writes.
        """
        return [self._end] if self._is_encoder_decoder or self.format.ends(prompt) else []

    def encode(self, prompt: Prompt | str) -> list[int]:
        """The token ids that the model is given for `prompt`, special ones included; never empty.

        Control tokens come from the model's format, or from a plain string; in the texts of a `Prompt` they are words.
        """
        return self._ids(prompt) or [self._start]

    def join(self, prompt: Prompt | str, continuation: str) -> tuple[list[int], list[int]]:
        """The ids given to the model and those of the continuation, tokenised as one text."""
        given = self.encode(prompt)
        if self._is_encoder_decoder:
            return given, self.encode_text(continuation)
        if not continuation:
            return given, []
        whole = self._ids(prompt, continuation)
        shared = next(
            (i for i, (a, b) in enumerate(zip(given, whole, strict=False)) if a != b),
            min(len(given), len(whole)),
        )
        return whole[:shared] or [self._start], whole[shared:]

    def encode_text(self, text: str) -> list[int]:
        """The token ids of words alone: no special ones, whatever the text reads like."""
        hidden = self._controls.among([text])
        return self._tokenized(self._controls.hide(text) if hidden else text, special=False, hidden=hidden)

    def fits(self, prompt: Prompt | str, *, max_new_tokens: int = MAX_NEW_TOKENS) -> bool:
        """Whether the prompt and `max_new_tokens` together fit the window."""
        return self.window is None or len(self.encode(prompt)) + max_new_tokens <= self.window

    def generate(
        self,
        prompts: Sequence[Prompt | str],
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        stop: Sequence[str] = (),
    ) -> list[str]:
        """The greedy continuations, in order, each cut before EOS and the first of the `stop` texts.

        Raises:
            PromptTooLongError: A prompt and `max_new_tokens` together do not fit the window.
            InvalidInputError: `max_new_tokens` is below one.
        """
        _check_length(max_new_tokens)
        return divided(
            prompts,
            self.stand_in,
            lambda mine: self._generate([prompts[i] for i in mine], max_new_tokens, stop),
            lambda model, given, _: model.generate(given, max_new_tokens=max_new_tokens, stop=stop),
        )

    def _generate(self, prompts: Sequence[Prompt | str], max_new_tokens: int, stop: Sequence[str]) -> list[str]:
        encoded = [self.encode(prompt) for prompt in prompts]
        self._check_window(encoded, reserve=max_new_tokens)
        texts = [""] * len(encoded)
        for batch in by_length(encoded, self.batch_size):
            tokens = self._continue([encoded[i] for i in batch], max_new_tokens, stop)
            for i, ids in zip(batch, tokens, strict=True):
                texts[i] = cut(self._decode(ids), stop)
        return texts

    def answer_many(self, prompts: Sequence[Prompt], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
        """The short answers to many questions, in order: the first line of each; errors as in `generate`."""
        _check_length(max_new_tokens)
        return divided(
            prompts,
            self.stand_in,
            lambda mine: self._answers([prompts[i] for i in mine], max_new_tokens),
            lambda model, given, _: model.answer_many(given, max_new_tokens=max_new_tokens),
        )

    def _answers(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[str]:
        # Chat models may open with a line break; base models end their answer with one.
        stop = () if self.format.holds_dialogues else ("\n",)
        texts = self._generate(prompts, max_new_tokens, stop)
        return [clean(text.strip(), prompt.cloze) for text, prompt in zip(texts, prompts, strict=True)]

    def reply_many(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int | None = None, on_text: OnText | None = None
    ) -> list[Reply]:
        """What the model replies, as long as it goes on: until its end, `max_new_tokens` or the window's.

        Args:
            prompts: the questions with what stands before them.
            max_new_tokens: by default what the checkpoint's generation_config.json says, else what its format does.
            on_text: is given each piece of a single prompt's reply as it comes.

        Raises:
            PromptTooLongError: a prompt leaves no room for a reply in the window.
            InvalidInputError: `max_new_tokens` is below one, or pieces of several replies are asked for.
        """
        _check_length(max_new_tokens)
        if on_text is not None and len(prompts) > 1:
            raise InvalidInputError(f"on_text takes one reply as it comes, not those to {len(prompts)} prompts")
        return divided(
            prompts,
            self.stand_in,
            lambda mine: self._replies([prompts[i] for i in mine], max_new_tokens, on_text),
            lambda model, given, _: model.reply_many(given, max_new_tokens=max_new_tokens, on_text=on_text),
        )

    def _replies(self, prompts: Sequence[Prompt], max_new_tokens: int | None, on_text: OnText | None) -> list[Reply]:
        encoded = [self.encode(prompt) for prompt in prompts]
        self._check_window(encoded, reserve=max_new_tokens or 1)
        limit, stop = max_new_tokens or self._own_length or self.format.max_new_tokens, self.format.stop
        replies = [Reply(text="")] * len(encoded)
        for batch in by_length(encoded, self.batch_size):
            rows = [encoded[i] for i in batch]
            room = limit if self.window is None else min(limit, self.window - max(map(len, rows)))
            # A format that ends replies by a text is heard out first: what is beyond the end is no part of it.
            pieces = None if stop or on_text is None else Pieces(self.tokenizer, on_text)
            for i, ids in zip(batch, self._continue(rows, room, stop, pieces), strict=True):
                whole = self._decode(ids)
                text = self.format.reply(prompts[i], cut(whole, stop))
                replies[i] = Reply(text=text, cut=len(ids) == room and cut(whole, stop) == whole)
        if stop and on_text is not None and replies:
            on_text(replies[0].text)
        return replies

    def log_probability(self, prompt: Prompt | str, continuation: str) -> list[float]:
        """The natural logarithm of each continuation token's probability, given all before it.

        Where prompt and continuation share a token, that token counts to the continuation.

        Raises:
            PromptTooLongError: Prompt and continuation together do not fit the window.
        """
        return self.log_probabilities([(prompt, continuation)])[0]

    @torch.no_grad()
    def log_probabilities(self, pairs: Sequence[tuple[Prompt | str, str]]) -> list[list[float]]:
        """The same for many (prompt, continuation) pairs, in batches, in order."""
        return divided(
            [prompt for prompt, _ in pairs],
            self.stand_in,
            lambda mine: self._log_probabilities([pairs[i] for i in mine]),
            lambda model, given, places: requires(
                model,
                ScoringModel,  # type: ignore[type-abstract]
                f"a score in place of {self.name}",
            ).log_probabilities([(prompt, pairs[i][1]) for prompt, i in zip(given, places, strict=True)]),
        )

    def _log_probabilities(self, pairs: Sequence[tuple[Prompt | str, str]]) -> list[list[float]]:
        joined = [self.join(prompt, continuation) for prompt, continuation in pairs]
        self._check_window([given + target for given, target in joined])
        found: list[list[float]] = [[] for _ in joined]
        lengths = [given + target for given, target in joined]
        longest = max((len(ids) for ids in lengths), default=1)
        vocabulary = self.model.get_input_embeddings().weight.shape[0]  # type: ignore[index]
        at_once = max(1, min(self.batch_size, _SCORES_AT_ONCE // (longest * int(vocabulary))))
        for batch in by_length(lengths, at_once):
            rows = self._scores([joined[i] for i in batch])
            for i, scores in zip(batch, rows, strict=True):
                target = torch.tensor(joined[i][1], dtype=torch.long, device=scores.device)
                chosen = scores.float().log_softmax(-1).gather(-1, target[:, None])
                found[i] = chosen.squeeze(-1).tolist()
        return found

    @torch.no_grad()
    def logits(self, prompt: Prompt | str, continuation: str = "") -> torch.Tensor:
        """Scores of shape (tokens, vocabulary); row t is for the token after t.

        Rows are those of prompt and continuation; of an encoder-decoder, those of the decoder: its start
        token and the continuation.

        Raises:
            PromptTooLongError: The tokens do not fit the window.
        """
        if (other := self._substitute(prompt)) is not None:
            return white_box(other.model, f"logits in place of {self.name}").logits(other.prompt, continuation)
        scores: torch.Tensor = self._forward(prompt, continuation).logits[0]
        return scores

    def _substitute(self, prompt: Prompt | str) -> Substitute | None:
        if self.stand_in is None or isinstance(prompt, str):
            return None
        return self.stand_in([prompt])[0]

    @torch.no_grad()
    def hidden_states(self, prompt: Prompt | str, continuation: str = "") -> torch.Tensor:
        """States of shape (layers + 1, tokens, width), rows as in `logits`; the first is the embedding's.

        Raises:
            PromptTooLongError: The tokens do not fit the window.
        """
        output = self._forward(prompt, continuation, output_hidden_states=True)
        states = output.decoder_hidden_states if self._is_encoder_decoder else output.hidden_states
        # Layers spread over devices by device_map are gathered where the scores are.
        return torch.stack([state[0].to(output.logits.device) for state in states])

    def _end_of_answers(self) -> int:
        """The control token with which the form goes on after a reply, else the end of text."""
        after = self.tokenizer(self.format.after_reply.lstrip(), add_special_tokens=False, verbose=False)["input_ids"]
        shown = self.tokenizer.decode(after[:1])
        return int(after[0] if self._controls.reads(shown) else self.tokenizer.eos_token_id)

    @property
    def _is_encoder_decoder(self) -> bool:
        return bool(self.model.config.is_encoder_decoder)

    @property
    def _start(self) -> int:
        """The token that stands before an empty text."""
        start = self.tokenizer.bos_token_id
        return int(self.tokenizer.eos_token_id if start is None else start)

    def _ids(self, prompt: Prompt | str, continuation: str = "") -> list[int]:
        # A chat template writes its special tokens itself; a second BOS would change the answer.
        special = isinstance(prompt, str) or not self.format.holds_dialogues
        if not isinstance(prompt, str) and self.context is not None:
            prompt = self.context(prompt)
        outside = [continuation] if isinstance(prompt, str) else [continuation, *texts_of(prompt)]
        hidden = self._controls.among(outside)
        if isinstance(prompt, str):
            text = prompt
        else:
            text = self.format.render(hidden_in(prompt, self._controls) if hidden else prompt)
        text += self._controls.hide(continuation) if hidden else continuation
        ids = self._tokenized(text, special=special, hidden=hidden)
        end = self.tokenizer.eos_token_id
        added_end = ids and ids[-1] == end and not text.endswith(self.tokenizer.eos_token)
        # Some causal tokenizers end every text; nothing would follow such an end.
        return ids[:-1] if added_end and not self._is_encoder_decoder else ids

    def _tokenized(self, text: str, *, special: bool, hidden: bool) -> list[int]:
        """The ids of a text, in which what reads like a control token may be hidden."""
        with one_line(f"use the tokenizer of {self.name}"):
            if hidden:
                return self._controls.encode(text, add_special_tokens=special)
            return list(self.tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])

    def _check_window(self, encoded: Sequence[Sequence[int]], reserve: int = 0) -> None:
        longest = max((len(ids) for ids in encoded), default=0)
        if self.window is None or longest + reserve <= self.window:
            return
        less = f", less {reserve} for the answer" if reserve else ""
        raise PromptTooLongError(
            f"the prompt has {longest} tokens, {self.name} takes {max(0, self.window - reserve)} "
            f"(its window is {self.window}{less}): give less text before the question"
        )

    @torch.no_grad()
    def _continue(
        self, batch: Sequence[Sequence[int]], max_new_tokens: int, stop: Sequence[str], pieces: Pieces | None = None
    ) -> list[list[int]]:
        # Left, so that every row's new tokens start at the same place; an encoder takes either side.
        ids, mask = pad(batch, self._pad, left=not self._is_encoder_decoder, device=self.device)
        start = 1 if self._is_encoder_decoder else ids.shape[1]
        own: Any = self.model.generation_config
        config: GenerationConfig = copy.deepcopy(own) if own is not None else GenerationConfig()  # type: ignore[no-untyped-call]
        ends = sorted(self._ends)
        config.update(**_GREEDY, max_new_tokens=max_new_tokens, eos_token_id=ends, pad_token_id=self._pad)  # type: ignore[no-untyped-call]
        stopping = StoppingCriteriaList([StopTexts(self._decode, stop, start, self._ends)] if stop else [])
        try:
            with self._running():
                output = self.model.generate(  # type: ignore[operator]
                    input_ids=ids,
                    attention_mask=mask,
                    generation_config=config,
                    stopping_criteria=stopping,
                    streamer=pieces,
                )
        except ModelError as error:
            if pieces is not None and pieces.failure is not None:  # not the model's, but of who was given its words
                raise pieces.failure from error
            raise
        return [until_end(row, self._ends) for row in output[:, start:].tolist()]

    def _scores(self, batch: Sequence[tuple[list[int], list[int]]]) -> Iterator[torch.Tensor]:
        """The rows of scores (continuation tokens, vocabulary) that judge each continuation."""
        if self._is_encoder_decoder:
            ids, mask = pad([given for given, _ in batch], self._pad, device=self.device)
            starts = [self._decoder_ids(target[:-1]) for _, target in batch]
            decoder_ids, _ = pad(starts, self._pad, device=self.device)
            inputs = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": decoder_ids}
        else:
            wholes = [given + target for given, target in batch]
            ids, mask = pad(wholes, self._pad, device=self.device)
            inputs = {"input_ids": ids, "attention_mask": mask}
        with self._running():
            output = self.model(**inputs)
        for row, (given, target) in zip(output.logits, batch, strict=True):
            first = 0 if self._is_encoder_decoder else len(given) - 1
            yield row[first : first + len(target)]

    def _forward(self, prompt: Prompt | str, continuation: str, **options: bool) -> Any:
        given, target = self.join(prompt, continuation)
        self._check_window([given + target])
        inputs = given if self._is_encoder_decoder else given + target
        ids = torch.tensor([inputs], device=self.device)
        more: dict[str, Any] = dict(options)
        if self._is_encoder_decoder:
            more["decoder_input_ids"] = torch.tensor([self._decoder_ids(target)], device=self.device)
        with self._running():
            return self.model(input_ids=ids, attention_mask=torch.ones_like(ids), **more)

    def _running(self) -> AbstractContextManager[None]:
        return one_line(f"run the model {self.name}")

    def _decoder_ids(self, target: list[int]) -> list[int]:
        return [int(self.model.config.decoder_start_token_id), *target]

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


def _check_length(max_new_tokens: int | None) -> None:
    if max_new_tokens is not None and max_new_tokens < 1:
        raise InvalidInputError(f"max_new_tokens is {max_new_tokens}: it must be 1 or more")


def _end_tokens(model: PreTrainedModel, tokenizer: Any) -> frozenset[int]:
    """EOS of the tokenizer and all that the checkpoint's generation settings name (end of turn)."""
    settings = model.generation_config
    named = getattr(settings, "eos_token_id", None)
    ends = named if isinstance(named, list) else [tokenizer.eos_token_id if named is None else named]
    return frozenset({int(tokenizer.eos_token_id), *map(int, ends)})
