"""Padding and ending of batches of token ids."""

from collections.abc import Callable, Iterator, Set
from collections.abc import Sequence as Seq
from typing import Any

import torch
from transformers import StoppingCriteria


def pad(
    batch: Seq[Seq[int]], token: int, *, left: bool = False, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and attention mask, both of shape (rows, longest row)."""
    width = max(len(ids) for ids in batch)
    rows, masks = [], []
    for ids in batch:
        filler = [token] * (width - len(ids))
        absent, present = [0] * len(filler), [1] * len(ids)
        rows.append([*filler, *ids] if left else [*ids, *filler])
        masks.append([*absent, *present] if left else [*present, *absent])
    whole = torch.long  # also of rows without a token
    return torch.tensor(rows, dtype=whole, device=device), torch.tensor(masks, dtype=whole, device=device)


def by_length(encoded: Seq[Seq[int]], size: int) -> Iterator[list[int]]:
    """Positions in batches of like length, so that little is padded."""
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
    for first in range(0, len(order), size):
        yield order[first : first + size]


def until_end(ids: Seq[int], ends: Set[int]) -> list[int]:
    """The ids before the first that ends a text."""
    return list(ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))])


def cut(text: str, stop: Seq[str]) -> str:
    """The text before the earliest of the `stop` texts."""
    places = [place for place in (text.find(end) for end in stop if end) if place >= 0]
    return text[: min(places)] if places else text


class StopTexts(StoppingCriteria):
    """Ends a row of a batch once its new text holds one of the `stop` texts."""

    def __init__(self, decode: Callable[[Seq[int]], str], stop: Seq[str], start: int, ends: Set[int]) -> None:
        self.decode = decode
        self.stop = [text for text in stop if text]
        self.start = start
        self.ends = ends

    def __call__(self, input_ids: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """Whether each row is done, of shape (rows,)."""
        rows = [until_end(row, self.ends) for row in input_ids[:, self.start :].tolist()]
        texts = [self.decode(row) for row in rows]
        done = [any(end in text for end in self.stop) for text in texts]
        return torch.tensor(done, device=input_ids.device)
