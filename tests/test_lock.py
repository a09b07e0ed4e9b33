"""`lock.txt` and `pyproject.toml` agree, and what runs here is what they say."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from lock import drifted, locked
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = re.search(r"^EXTRAS := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1].split(",")
WANTED = [*PROJECT["dependencies"], *(line for extra in EXTRAS for line in PROJECT["optional-dependencies"][extra])]


@pytest.mark.parametrize("line", WANTED)
def test_each_requirement_is_locked_to_a_version_that_it_allows(line):
    wanted = Requirement(line)
    if wanted.marker is None or wanted.marker.evaluate():
        assert wanted.specifier.contains(locked()[canonicalize_name(wanted.name)]), "run `make lock`"


def test_whatever_these_bring_with_them_is_locked_too():
    assert {name for name in _needed() if name not in locked()} == set(), "run `make lock`"


def _needed() -> Iterator[str]:
    """The installed packages that the requirements lead to."""
    waiting, seen = [Requirement(line) for line in WANTED], set()
    while waiting:
        asked = waiting.pop()
        name = canonicalize_name(asked.name)
        if (name, *sorted(asked.extras)) in seen:
            continue
        seen.add((name, *sorted(asked.extras)))
        try:
            brings = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another system
            continue
        yield name
        waiting += [one for one in map(Requirement, brings) if _holds(one, asked.extras)]


def _holds(asked: Requirement, extras: set[str]) -> bool:
    return asked.marker is None or any(asked.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def test_a_library_that_breaks_often_is_held_below_its_next_major_version():
    (transformers,) = (Requirement(line) for line in PROJECT["dependencies"] if line.startswith("transformers"))
    major = locked()["transformers"].major
    assert not transformers.specifier.contains(f"{major + 1}.0")


def test_deprecations_are_fatal_under_the_lock_alone(pytestconfig):
    shown = [line for line in pytestconfig.getini("filterwarnings") if line.startswith("default::")]
    assert bool(shown) == bool(drifted())
