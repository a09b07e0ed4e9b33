"""Causal tracing: which states and modules bring an answer back once noise has hidden the subject.

Meng et al. 2022, Locating and Editing Factual Associations in GPT, section 2 and appendix B: a clean run; a run with
noise on the subject's embeddings; and runs with the same noise in which one place gets back what it had in the clean
one: the state after a layer, or what the MLPs or the attention of a window of layers around it give.

The paper follows the answer's first token. Here it is the whole answer; its later tokens are read after the earlier
ones, so that the prompt's last token alone brings an answer of several tokens back in part only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from kedit_memory.editors._locate import decoder_family, subject_tokens
from kedit_memory.errors import InvalidInputError, PromptTooLongError
from kedit_memory.models.families import Family
from kedit_memory.models.hooks import capture, replace
from kedit_memory.models.language import TextModel, WhiteBoxModel, white_box
from kedit_memory.models.prompts import Prompt

Scores: TypeAlias = npt.NDArray[np.float32]
KINDS = ("state", "mlp", "attention")

_NOISE = 3.0  # standard deviations of the embeddings
_WINDOW = 0.2  # of all layers: 10 of the 48 in the paper
_ROWS = 64  # in one forward pass


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What each place brings back of an answer; probabilities are of the whole answer, means over the noises."""

    model: str
    prompt: str
    subject: str
    answer: str
    tokens: tuple[str, ...]  # of the prompt as the model is given it
    subject_at: range
    clean: float
    noised: float
    window: int  # layers that are restored together for `mlp` and `attention`
    seeds: int
    scores: Mapping[str, Scores]  # by kind, (tokens, layers): the answer's probability with this place restored

    def recovered(self, kind: str) -> Scores:
        """The share of the lost probability that each place brings back, (tokens, layers); 0 where none was lost."""
        lost = self.clean - self.noised
        back = self.scores[kind] - self.noised
        shares: Scores = (back / lost if lost > 0 else np.zeros_like(back)).astype(np.float32)
        return shares


def trace(  # noqa: PLR0913 - each is a choice of the measurement, and has its default
    model: TextModel,
    prompt: str,
    *,
    subject: str,
    answer: str | None = None,
    seeds: int = 10,
    window: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Trace:
    """Trace `answer`, by default what the model says to `prompt`, through all tokens and layers.

    Args:
        model: One whose hidden states are at hand.
        prompt: A question or a cloze prompt.
        subject: What the noise hides, as the prompt spells it.
        answer: The text whose probability is followed.
        seeds: How many noises the figures are means of.
        window: How many layers' MLPs or attentions are restored together; a fifth of all if None.
        seed: Of the noises.
        progress: Told the runs done and those to do.

    Raises:
        InvalidInputError: the prompt does not name the subject, the answer is empty, or a number is below 1.
        CapabilityError: the model shows no states, or is no decoder of a known family.
        PromptTooLongError: prompt and answer do not fit the model's window.
    """
    known = white_box(model, "a causal trace")
    family = decoder_family(known, "a causal trace")
    layers = family.count
    wide = max(1, round(_WINDOW * layers)) if window is None else window
    if seeds < 1 or wide < 1:
        raise InvalidInputError(f"a trace with {seeds} seeds and a window of {wide} layers is none; give 1 or more")
    question = Prompt(question=prompt)
    place = subject_tokens(known, question, subject)
    said = known.answer_many([question])[0] if answer is None else answer.strip()
    if not said:
        raise InvalidInputError("there is no answer to trace; give one with answer=")
    given, wanted = known.join(question, known.continuation(question, said))
    if not known.fits(question, max_new_tokens=len(wanted)):
        raise PromptTooLongError(f"{prompt!r} and its answer do not fit the window of {known.name}")
    runs = _Runs(known, family, given, wanted, place, _noise(known, len(place), seeds, seed))
    scores = runs.restored(wide, progress)
    return Trace(
        model=known.name,
        prompt=prompt,
        subject=subject,
        answer=said,
        tokens=tuple(known.tokenizer.decode([token]) for token in given),
        subject_at=place,
        clean=runs.clean,
        noised=runs.noised,
        window=wide,
        seeds=seeds,
        scores=scores,
    )


def windows(layers: int, width: int) -> list[range]:
    """The layers around each layer that are restored with it: `width` of them, fewer at either end."""
    before = width // 2
    return [range(max(0, i - before), min(layers, i - before + width)) for i in range(layers)]


def _noise(model: WhiteBoxModel, tokens: int, seeds: int, seed: int) -> torch.Tensor:
    """Noises for the subject's embeddings, (seeds, tokens, width)."""
    weight: torch.Tensor = model.model.get_input_embeddings().weight.detach().float()
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(seeds, tokens, weight.shape[1], generator=generator)
    return (_NOISE * weight.std().cpu() * drawn).to(model.device)


class _Runs:
    """The clean run, the noised ones, and those with something restored."""

    def __init__(
        self,
        model: WhiteBoxModel,
        family: Family,
        given: Sequence[int],
        wanted: Sequence[int],
        subject: range,
        noise: torch.Tensor,
    ) -> None:
        self.model = model
        self.family = family
        self.given = len(given)
        self.wanted = torch.tensor(wanted)
        self.ids = torch.tensor([*given, *wanted], device=model.device)
        self.subject = subject
        self.noise = noise
        layers = range(family.count)
        self.modules: dict[str, list[nn.Module]] = {
            "state": [family.layer(model.model, layer) for layer in layers],
            "mlp": [family.part(model.model, layer, "mlp") for layer in layers],
            "attention": [family.part(model.model, layer, "attention_out") for layer in layers],
        }
        with ExitStack() as hooks:
            seen = {k: [hooks.enter_context(capture(m, rows=1)) for m in found] for k, found in self.modules.items()}
            self.clean = float(self._probabilities(1)[0])
        self.kept = {kind: [states[0][0] for states in found] for kind, found in seen.items()}  # each (tokens, width)
        self.noised = float(self._hidden(1).mean())

    def restored(self, width: int, progress: Callable[[int, int], None] | None) -> dict[str, Scores]:
        """The mean probability with each place restored, by kind: (tokens, layers)."""
        layers = len(self.modules["state"])
        scores = {kind: np.zeros((self.given, layers), dtype=np.float32) for kind in KINDS}
        together = max(1, _ROWS // len(self.noise))
        done = 0
        for kind in KINDS:
            spans = windows(layers, 1 if kind == "state" else width)
            for layer, span in enumerate(spans):
                for first in range(0, self.given, together):
                    tokens = range(first, min(first + together, self.given))
                    scores[kind][tokens.start : tokens.stop, layer] = self._restore(kind, span, tokens)
                    done += len(tokens)
                    if progress:
                        progress(done, self.given * layers * len(KINDS))
        return scores

    def _restore(self, kind: str, span: Iterable[int], tokens: range) -> Scores:
        """The mean probability with each of the tokens restored in turn in all layers of the span."""
        seeds = len(self.noise)
        rows = torch.arange(len(tokens) * seeds, device=self.model.device)
        places = torch.tensor(tokens, device=self.model.device).repeat_interleave(seeds)
        with ExitStack() as hooks:
            for layer in span:
                put = _putting(self.kept[kind][layer], rows, places)
                hooks.enter_context(replace(self.modules[kind][layer], put, rows=len(rows)))
            found = self._hidden(len(tokens))
        means: Scores = found.reshape(len(tokens), seeds).mean(1).numpy()
        return means

    def _hidden(self, times: int) -> torch.Tensor:
        """The answer's probability under each noise, all noises so many times over."""
        noise = self.noise.repeat(times, 1, 1)

        def hide(states: torch.Tensor) -> torch.Tensor:
            hidden = states.clone()
            hidden[:, self.subject.start : self.subject.stop] += noise.to(states.dtype)
            return hidden

        with replace(self.model.model.get_submodule(self.family.embedding), hide):
            return self._probabilities(len(noise))

    @torch.no_grad()
    def _probabilities(self, rows: int) -> torch.Tensor:
        """The answer's probability in each of so many equal rows, (rows,), on the CPU."""
        ids = self.ids.expand(rows, -1)
        scores = self.model.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
        words: torch.Tensor = (
            scores[:, self.given - 1 : -1].float().log_softmax(-1).cpu()
        )  # (rows, answer tokens, vocabulary)
        chosen = words.gather(2, self.wanted[None, :, None].expand(rows, -1, 1))[..., 0]
        return chosen.sum(1).exp()


def _putting(kept: torch.Tensor, rows: torch.Tensor, places: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """What puts the clean run's state back into each row at its place."""

    def put(states: torch.Tensor) -> torch.Tensor:
        changed = states.clone()
        changed[rows.to(states.device), places.to(states.device)] = kept[places.to(kept.device)].to(states)
        return changed

    return put
