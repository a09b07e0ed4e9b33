"""ParaRel (Elazar et al. 2021): facts of T-REx, each asked by the patterns of its relation that end with the object.

The edits say what is true, so that the set probes what a model knows (LAMA, Petroni et al. 2019, in many wordings).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.case import Case
from kedit_memory.evaluation.datasets.asked import EntityQuestion, cases_of
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, text
from kedit_memory.evaluation.datasets.public import read_json_lines, read_rows


def cases(folder: Path) -> Loaded[Case]:
    """A case for each subject of a relation, its first wording the edit's, with all objects as answers."""
    patterns = clozes(folder)
    rows = [dict(row, relation=name) for name, found in facts(folder).items() for row in found]
    return cases_of(rows, lambda row: _question(row, patterns), files=("trex_lms_vocab", "patterns"))


def clozes(folder: Path) -> dict[str, list[str]]:
    """The clozes of each relation, with {} for the subject."""
    return {path.stem: clozes_of(path) for path in sorted((folder / "patterns").glob("*.jsonl"))}


def clozes_of(path: Path) -> list[str]:
    """Patterns of a file that end with the object, as prompts; an article before it goes with it."""
    found = (row["pattern"] for row in read_json_lines(path))
    cut = (re.sub(r"\s*\[Y\]\s*\.?\s*$", "", p.strip()) for p in found if re.search(r"\[Y\]\s*\.?\s*$", p.strip()))
    clean = (re.sub(r"\s+", " ", p.replace("[X]", "{}")).strip() for p in cut if "[X]" in p)
    return sorted(dict.fromkeys(clean))


def facts(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The facts of each relation, with `sub_label` and `obj_label`."""
    return {path.stem: read_rows(path) for path in sorted((folder / "trex_lms_vocab").glob("*.jsonl"))}


def put(template: str, subject: str) -> str:
    """A template about a subject, with a capital."""
    found = template.replace("{}", subject)
    return found[:1].upper() + found[1:]


def _question(row: Row, patterns: Mapping[str, Iterable[str]]) -> EntityQuestion:
    relation, subject, answer = row["relation"], text(row, "sub_label"), text(row, "obj_label")
    wordings = list(dict.fromkeys(put(pattern, subject) for pattern in patterns.get(relation, ())))
    if not wordings:
        raise SkippedError("no pattern of its relation ends with the object")
    return EntityQuestion(
        text=wordings[0], answers=(answer,), relation=relation, subject=subject, rewordings=tuple(wordings[1:])
    )
