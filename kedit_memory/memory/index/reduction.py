"""Shorter vectors whose distances never exceed the true ones, so that a search misses nothing.

With an orthonormal basis, a vector x is split into its first coordinates a and the norm b of what
is left. For two vectors |(a, b) - (a', b')| <= |x - x'|, because | |u| - |u'| | <= |u - u'|. Keys
outside a radius in the short space are therefore outside it in the full one, and only the few
others need their full vectors.
"""

import numpy as np

from kedit_memory.records import Floats, Vectors

RANKS = (8, 16, 32, 48, 64, 96, 128, 192)
SMALLEST = 1024  # keys below which a scan of the full vectors is fast enough

_SAMPLE = 4096
_QUESTIONS = 64
# Measured on one core of a Xeon with AVX-512: a scan costs about 0.2 ns a coordinate and key, a
# candidate's full comparison about 400 ns. Only their proportion matters here.
_SCAN_NS = 0.2
_CANDIDATE_NS = 400.0


def reduce(vectors: Vectors, basis: Floats | None) -> Vectors:
    """Shortens vectors to (n, rank + 1); without a basis they stay as they are."""
    if basis is None:
        return vectors
    return _reduce(vectors.astype(np.float64), basis).astype(np.float32)


def choose_basis(vectors: Vectors, radii: Floats) -> Floats | None:
    """The basis that makes a search over these keys cheapest, or None when the full scan is.

    The principal axes of a sample carry most of the distance. How many are worth their scan
    depends on the encoder: asks some of the keys against the others and counts what is left over.
    """
    count, dimension = vectors.shape
    # Drawn, not taken at even steps: rows that come from templates in turn would alias.
    rows = np.random.default_rng(count).choice(count, min(count, _SAMPLE), replace=False)
    sample = vectors[rows].astype(np.float64)  # (sample, dimension)
    _, axes = np.linalg.eigh(sample.T @ sample)
    axes = axes[:, ::-1]  # largest first
    best, cheapest = None, dimension * _SCAN_NS
    for rank in RANKS:
        if rank >= dimension:
            break
        basis = np.ascontiguousarray(axes[:, :rank])
        cost = rank * _SCAN_NS + _CANDIDATE_NS * _left_over(sample, radii[rows], basis)
        if cost < cheapest:
            best, cheapest = basis, cost
    return best


def _left_over(sample: Floats, radii: Floats, basis: Floats) -> float:
    """Share of keys that a hard question (19 of 20 are easier) cannot rule out."""
    short = _reduce(sample, basis)
    questions = short[:: max(1, len(short) // _QUESTIONS)]
    norms = np.square(short).sum(axis=1)
    squared = np.square(questions).sum(axis=1)[:, None] + norms - 2 * questions @ short.T
    shares: Floats = (squared <= np.square(radii)).mean(axis=1)
    return float(np.quantile(shares, 0.95))


def _reduce(vectors: Floats, basis: Floats) -> Floats:
    head = vectors @ basis
    rest = np.square(vectors).sum(axis=1) - np.square(head).sum(axis=1)
    return np.concatenate([head, np.sqrt(np.maximum(rest, 0.0))[:, None]], axis=1)
