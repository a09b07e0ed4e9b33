"""What a change did to one weight, bit for bit, and no larger than what moved.

The old and the new value differ by the bits of their exclusive or: applied to the one it gives the other, exactly,
where a difference of numbers would be rounded. Where a few rows or columns moved, only their bits are held.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch

_WHOLE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes of a number


class Product(NamedTuple):
    """What was added to a weight, `left` (rows, rank) times `right` (rank, columns) as the weight is stored."""

    left: torch.Tensor
    right: torch.Tensor

    @property
    def numbers(self) -> int:
        """How many numbers it takes."""
        return self.left.numel() + self.right.numel()

    @torch.no_grad()
    def add_to(self, weight: torch.Tensor) -> None:
        """Add it in float64, rounded once: from the same value, the same result."""
        product = self.left.to(weight.device, torch.float64) @ self.right.to(weight.device, torch.float64)
        weight.copy_(weight.double() + product)


@dataclass(frozen=True, kw_only=True)
class Delta:
    """The bits by which a weight's values before and after a change differ.

    Attributes:
        bits: Integers as wide as the weight's numbers, of the moved lines alone.
        axis: Of the lines: 0 counts rows, 1 columns.
        lines: Those that moved, in order.
        before: The digest of the weight before the change.
        after: And after it.
    """

    bits: torch.Tensor
    axis: int
    lines: torch.Tensor
    before: str
    after: str

    @classmethod
    def between(cls, before: torch.Tensor, after: torch.Tensor) -> Self:
        """What makes one of these values the other; `before` is used up."""
        digests = {"before": digest_of(before), "after": digest_of(after)}
        bits = _bits(before).bitwise_xor_(_bits(after))
        found = []
        for axis in range(bits.dim()):
            others = tuple(other for other in range(bits.dim()) if other != axis)
            lines = ((bits != 0).any(others) if others else bits != 0).nonzero()[:, 0]
            found.append((len(lines) * bits.numel() // max(1, bits.shape[axis]), axis, lines))
        _, axis, lines = min(found, key=lambda one: one[:2])
        whole = len(lines) == bits.shape[axis]
        return cls(bits=bits if whole else bits.index_select(axis, lines), axis=axis, lines=lines, **digests)

    @torch.no_grad()
    def flip(self, weight: torch.Tensor) -> None:
        """Turn the value before the change into that after it, in place, or back."""
        stored = _bits(weight)
        bits, lines = self.bits.to(weight.device), self.lines.to(weight.device)
        stored.index_copy_(self.axis, lines, stored.index_select(self.axis, lines) ^ bits)

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """As it is saved, by the name of the weight."""
        return {f"{name}:bits": self.bits.cpu().contiguous(), f"{name}:lines": self.lines.cpu()}

    @property
    def record(self) -> dict[str, Any]:
        """What is saved of it beside the tensors."""
        return {"axis": self.axis, "before": self.before, "after": self.after}

    @classmethod
    def read(cls, name: str, tensors: Mapping[str, torch.Tensor], record: Mapping[str, Any]) -> Self:
        """One that was saved.

        Raises:
            KeyError: a part of it is not there.
        """
        return cls(
            bits=tensors[f"{name}:bits"],
            lines=tensors[f"{name}:lines"],
            axis=record["axis"],
            before=record["before"],
            after=record["after"],
        )

    def fits(self, weight: torch.Tensor) -> bool:
        """Whether it is of a weight of this shape and precision."""
        shape = list(_bits(weight).shape)
        if not 0 <= self.axis < len(shape) or self.lines.dim() != 1 or self.bits.dtype != _bits(weight).dtype:
            return False
        inside = not len(self.lines) or 0 <= int(self.lines.min()) <= int(self.lines.max()) < shape[self.axis]
        shape[self.axis] = len(self.lines)
        return inside and list(self.bits.shape) == shape


def digest_of(weight: torch.Tensor) -> str:
    """The SHA-256 of a weight's bytes, in hexadecimal digits."""
    flat = weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(flat.numpy().data).hexdigest()


def _bits(weight: torch.Tensor) -> torch.Tensor:
    """The weight's own memory, read as integers."""
    stored = weight.detach()
    return (stored if stored.dim() else stored[None]).view(_WHOLE[weight.element_size()])
