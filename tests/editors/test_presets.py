"""Settings that ship: each is one that its editor takes, says where it is from, and gives way to what a user names."""

import tomllib
from pathlib import Path

import pytest

from kedit_memory.editors import EDITORS, load_editor, named_editor, presets
from kedit_memory.editors.presets import DEFAULT, KINDS, PAPER, TUNED, preset, preset_of
from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError

FILES = sorted(Path(presets.__file__).parent.glob("*/*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_preset_is_one_that_its_editor_takes(file):
    method, model = file.parent.name, file.stem
    assert method in EDITORS
    for kind, held in tomllib.loads(file.read_text("utf-8")).items():
        assert kind in KINDS
        assert held.keys() == {"source", "options"}
        assert held["source"]
        if kind == TUNED:
            assert held["source"].startswith("python scripts/"), "what is tuned tells the command that chose it"
        found = preset(method, kind, model)
        assert found.kind == kind
        editor = load_editor(method, **found.options)
        assert all(getattr(editor, name) == value for name, value in found.options.items())


def test_the_papers_numbers():
    """As the authors state them; a wrong digit here would be a wrong claim in every row."""
    rome, memit = (preset(method, PAPER, "gpt2").options for method in ("rome", "memit"))
    assert (rome["rate"], rome["steps"], rome["clamp"], rome["prefixes"]) == (0.5, 20, 4, 20)
    assert (memit["rate"], memit["steps"], memit["clamp"], memit["weight"]) == (0.5, 25, 0.75, 15_000)
    assert preset("ft-l", PAPER, "gpt2").options["rate"] == 5e-4
    alphaedit = preset("alphaedit", PAPER, "gpt2").options
    assert (alphaedit["threshold"], alphaedit["ridge"], alphaedit["absolute"]) == (0.02, 10, True)
    ike = preset("ike", PAPER, "gpt2").options
    assert (ike["demonstrations"], ike["least"]) == (32, -1)
    wise = preset("wise", PAPER, "gpt2").options
    assert [wise[name] for name in ("alpha", "beta", "gamma", "mask", "subspaces")] == [5, 20, 10, 0.2, 2]
    assert (wise["optimizer"], wise["rate"], wise["absolute"], wise["batch"]) == ("sgd", 1, True, 1)
    assert preset("ft-retrain", PAPER, "gpt2").options["every"] == 50
    assert preset("ft-ewc", PAPER, "gpt2").options["strength"] == 0.1


def test_a_models_own_preset_goes_before_that_of_every_model(monkeypatch, tmp_path):
    for model, rate in (("any", 0.1), ("small", 0.2)):
        (tmp_path / "ft").mkdir(exist_ok=True)
        text = f'[paper]\nsource = "s"\noptions = {{ rate = {rate}, layers = [1, 2] }}\n'
        (tmp_path / "ft" / f"{model}.toml").write_text(text, "utf-8")
    monkeypatch.setattr(presets, "__file__", str(tmp_path / "__init__.py"))
    assert preset("ft", PAPER, "small").options == {"rate": 0.2, "layers": (1, 2)}
    assert preset("ft", PAPER, "/models/small").options["rate"] == 0.2
    assert preset("ft", PAPER, "other").options["rate"] == 0.1


def test_without_a_preset_the_defaults_stand_and_say_so():
    assert preset("rome", None, "smollm2").kind == DEFAULT
    assert preset("kn", PAPER, "smollm2").kind == DEFAULT
    assert not preset("kn", PAPER, "smollm2").options
    with pytest.raises(NotFoundError, match="kn has no paper preset for smollm2"):
        preset_of("kn", PAPER, "smollm2")
    assert preset_of("rome", PAPER, "smollm2").kind == PAPER
    with pytest.raises(UnknownNameError, match="no preset named 'papers'; did you mean 'paper'"):
        preset("rome", "papers", "smollm2")


def test_a_named_option_goes_before_the_presets():
    rome = named_editor("rome:rate=0.3", preset("rome", PAPER, "gpt2"))
    assert (rome.rate, rome.steps) == (0.3, 20)
    with pytest.raises(InvalidInputError, match="no option 'colour'"):
        named_editor("rome:colour=1", preset("rome", PAPER, "gpt2"))
