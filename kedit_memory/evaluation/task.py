"""What can be measured, by name. Each task has a version, which stands in every row of it and is printed with them.

A version goes up when the same answers would give another figure, or other questions are asked: figures of two versions
are not set beside each other.
"""

from dataclasses import dataclass

FIRST_VERSION = 1  # of a task, and of rows that were written before they told one


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task.

    Attributes:
        name: by which it is asked for, and which its rows tell.
        version: of its questions and figures.
        about: what it measures, in a sentence.
    """

    name: str
    version: int
    about: str

    @property
    def told(self) -> str:
        """Name and version, as they are printed."""
        return f"{self.name}, version {self.version}"


_ALL = (
    Task(
        name="scope",
        version=1,
        about="which questions an edit answers: held-out ones, by kind, with all edits of a set in one store",
    ),
    Task(
        name="lifelong",
        version=2,
        about="edits one after the other: what is kept, answered and touched, and how long it takes",
    ),
    Task(
        name="adaptive-retrieval",
        version=1,
        about="when retrieval pays: accuracy and calls of each gate policy on questions that it was not fitted on",
    ),
    Task(
        name="entity-inferences",
        version=1,
        about="what a model infers of new entities from their definitions: which of several words fits a sentence",
    ),
    Task(
        name="ecbd",
        version=1,
        about="how well a model that was told of new entities foresees the words of sentences about them",
    ),
    Task(name="compare", version=2, about="every editing method side by side on the same edits and questions"),
    Task(name="consolidate", version=2, about="what a model says before and after edits are written into it for good"),
)
TASKS: dict[str, Task] = {one.name: one for one in _ALL}


def version_of(name: str) -> int:
    """The version of a task; the first one of what only scripts measure."""
    return TASKS[name].version if name in TASKS else FIRST_VERSION
