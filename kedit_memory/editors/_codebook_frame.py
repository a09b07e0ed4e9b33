"""How far apart the model itself holds questions, which is what a codebook's radii are measured by.

States at the token where an answer begins have most of their length in common: in a chat form, in which that token is
the template's, every question lies within a tenth or two of the length of any other. So keys are compared as they
differ from their mean, each direction by how much questions vary along it; and a radius is taken from the distances to
questions of no particular matter.
"""

from collections.abc import Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import torch

from kedit_memory.editors._codebook_site import Sample, Site
from kedit_memory.editors._samples import shipped_questions
from kedit_memory.editors.codebook import TOLERANCE, Codebook
from kedit_memory.models.batches import by_length
from kedit_memory.models.classifier import Editable
from kedit_memory.models.hooks import capture, no_further_than
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Vectors

_FLOOR = 0.1  # added to each direction's variance, in means of all: what few questions say of a direction is little
_ROWS = 16  # questions in one pass
_SHUFFLE = 1  # which questions stand for all


class Frame:
    """Keys as they differ from those of other questions; made from `others`, (questions, width), as the layer has them.

    Of d directions and fewer questions only those that questions vary along are told apart; all others have the floor.
    """

    def __init__(self, others: Vectors) -> None:
        self.others = np.ascontiguousarray(others, np.float32)
        self._mean = self.others.astype(np.float64).mean(0)
        centred = self.others - self._mean
        _, sizes, self._directions = np.linalg.svd(centred, full_matrices=False)  # directions: (questions, width)
        variances = sizes**2 / len(centred)
        rounding = float((TOLERANCE * np.linalg.norm(self.others, axis=1).mean()) ** 2 / centred.shape[1])
        floor = max(_FLOOR * float(variances.sum()) / centred.shape[1], rounding, float(np.finfo(np.float32).tiny))
        self._plain = floor**-0.5
        self._more = (variances + floor) ** -0.5 - self._plain  # what a direction is scaled by, beyond the floor's

    def __call__(self, keys: Vectors) -> Vectors:
        """Keys of shape (…, width) in this frame, float32."""
        centred = keys - self._mean
        along = centred @ self._directions.T
        framed: Vectors = (self._plain * centred + (along * self._more) @ self._directions).astype(np.float32)
        return framed

    @property
    def stretch(self) -> float:
        """By how much a part of a key's length may grow here, as a part of its length here."""
        lengths = np.linalg.norm(self.others, axis=1), np.linalg.norm(self._framed, axis=1)
        return float(self._plain * lengths[0].mean() / max(lengths[1].mean(), 1e-12))

    def radius(self, key: Vectors, share: float, codebook: Codebook) -> float:
        """The codebook's distance from a framed key within which this share of the other questions lies.

        A question that cannot be told from the key's own does not count.
        """
        gaps = np.sort(codebook.distances(key, self._framed))
        others = gaps[gaps > codebook.same(key)]
        return float(np.nextafter(others[int(share * len(others))], 0)) if len(others) else 0.0

    @cached_property
    def _framed(self) -> Vectors:
        return self(self.others)


_KNOWN: WeakKeyDictionary[torch.nn.Module, dict[tuple[int, str, str, int, str], Frame]] = WeakKeyDictionary()


def frame_of(model: Editable, site: Site, questions: int) -> Frame:
    """The frame that questions give at a site of a model; kept under all that it depends on while the model lives."""
    known = _KNOWN.setdefault(model.model, {})
    place = (site.layer, site.stack, site.key_token, questions, model.fingerprint)
    if place not in known:
        known[place] = Frame(keys_of(model, site, asked(questions)))
    return known[place]


def asked(questions: int) -> list[Prompt]:
    """So many of the questions of no particular matter that ship, always the same."""
    texts = [question for question, _ in shipped_questions()]
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(_SHUFFLE)).tolist()
    return [Prompt(question=texts[place]) for place in order[:questions]]


@torch.no_grad()
def keys_of(model: Editable, site: Site, prompts: Sequence[Prompt]) -> Vectors:
    """What goes into the site at the query token of each prompt, (prompts, width of a key)."""
    samples = [Sample(prompt=tuple(model.encode(prompt)), target=(0,)) for prompt in prompts]
    keys = np.empty((len(samples), site.key_width), np.float32)
    for rows in by_length([sample.prompt for sample in samples], _ROWS):
        batch = site.batch([samples[row] for row in rows])
        with capture(site.module, "input") as seen, no_further_than(site.module):
            site.model(**batch.inputs)
        at = torch.arange(len(rows), device=seen[0].device), batch.queries.to(seen[0].device)
        keys[rows] = seen[0][at].float().cpu().numpy()
    return keys
