"""What can be measured, by name: cases, methods and measures. Adding a task is a folder in `tasks` and a line here.

Each task has a version, which stands in every row of it and is printed with them. A version goes up when the same
answers would give another figure, or other questions are asked: figures of two versions are not set beside each other.
"""

from dataclasses import dataclass
from typing import Any

from kedit_memory import registry

FIRST_VERSION = 1  # of a task, and of rows that were written before they told one
_TASKS, _METHODS = "kedit_memory.evaluation.tasks", "kedit_memory.evaluation.methods"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task.

    Attributes:
        name: by which it is asked for, and which its rows tell.
        version: of its questions and figures.
        about: what it measures, in a sentence.
        datasets: where the names of its sets are, as `module:names`.
        methods: where the names of what is measured are.
        measures: the metrics of its rows.
        score: where the rows are made from the samples of a log.
        dataset: which set is asked about, and
        judge: which answers count, where none is named.
        together: whether the edits of all its cases are in force at once where that is not said.
    """

    name: str
    version: int
    about: str
    datasets: str = ""
    methods: str = ""
    measures: tuple[str, ...] = ()
    score: str = "kedit_memory.evaluation.score:of_cases"
    dataset: str = ""
    judge: str = "alternatives"
    together: bool = False

    @property
    def told(self) -> str:
        """Name and version, as they are printed."""
        return f"{self.name}, version {self.version}"

    def names(self, what: str) -> tuple[str, ...]:
        """The names of its `datasets` or `methods`; its module is imported now."""
        place: str = getattr(self, what)
        return tuple(registry.load(what, self.name, {self.name: place})) if place else ()


_ASKED = f"{_TASKS}.asked.answers:score"


def _asked(name: str, about: str, *, measures: tuple[str, ...], version: int = 1, **told: Any) -> Task:
    """A task of cases and what is asked about them, see `tasks.asked`."""
    return Task(
        name=name,
        version=version,
        about=about,
        datasets=f"{_TASKS}.{name.replace('-', '_')}:SETS",
        methods=f"{_METHODS}:SIDE_BY_SIDE",
        measures=(*measures, "ratio", "seconds", "count"),
        score=_ASKED,
        **told,
    )


_ALL = (
    Task(
        name="scope",
        version=2,
        about="which questions an edit answers: held-out ones, by kind, with all edits of a set in one store",
        datasets=f"{_TASKS}.scope.sets:SETS",
        methods=f"{_TASKS}.scope.run:MEASURED",
        measures=("reliability", "generalization", "false_fire", "fire", "rate", "seconds"),
    ),
    Task(
        name="lifelong",
        version=2,
        about="edits one after the other: what is kept, answered and touched, and how long it takes",
        datasets=f"{_TASKS}.lifelong.streams:STREAMS",
        methods=f"{_METHODS}:STREAMED",
        measures=("trr", "err", "arr", "generalization", "locality", "perplexity", "seconds", "ratio", "bytes"),
    ),
    Task(
        name="adaptive-retrieval",
        version=1,
        about="when retrieval pays: accuracy and calls of each gate policy on questions that it was not fitted on",
        datasets=f"{_TASKS}.adaptive.sets:SETS",
        methods="kedit_memory.routing.gate.policies:POLICIES",
        measures=("accuracy", "calls", "recall", "ratio", "seconds"),
    ),
    Task(
        name="entity-inferences",
        version=1,
        about="what a model infers of new entities from their definitions: which of several words fits a sentence",
        datasets=f"{_TASKS}.definitions.run:INFERENCE_SETS",
        methods=f"{_METHODS}:TOLD",
        measures=("accuracy", "perplexity", "ratio", "locality", "reliability", "fire", "false_fire", "recall"),
    ),
    Task(
        name="ecbd",
        version=1,
        about="how well a model that was told of new entities foresees the words of sentences about them",
        datasets="kedit_memory.evaluation.datasets.onoe:PARTS",
        methods=f"{_METHODS}:TOLD",
        measures=("perplexity", "ratio", "reliability", "fire", "false_fire", "recall"),
    ),
    Task(
        name="compare",
        version=5,
        about="every editing method side by side on the same edits and questions",
        datasets=f"{_TASKS}.scope.sets:FACTS",
        methods=f"{_METHODS}:SIDE_BY_SIDE",
        measures=(
            "reliability", "generalization", "locality", "hard_negative", "portability", "fluency", "perplexity",
            "seconds", "bytes", "ratio", "rate",
        ),
        score=f"{_TASKS}.compare.score:score",
    ),
    _asked(
        "unstructured",
        "whole paragraphs as edits: their own question, its rephrasing, and questions about their parts",
        measures=("reliability", "generalization", "portability"),
        dataset="unke",
        judge="token_f1",
    ),
    _asked(
        "multihop",
        "questions over several stored facts: whether all are found, and what is answered, by any and all wordings",
        measures=("reliability", "generalization", "portability", "locality", "recall"),
        dataset="world",
        together=True,
    ),
    _asked(
        "ripple",
        "what else changes with an edit, and what does not, by the six criteria of RippleEdits",
        measures=("reliability", "portability", "locality", "recall"),
        dataset="world",
    ),
    _asked(
        "unlearning",
        "erased facts, and what still obtains them: other words, detours, choices, attempts to extract",
        measures=("rate", "reliability", "locality"),
        dataset="world",
    ),
    _asked(
        "robustness",
        "an edit's question in other clothes: prefixed, in a dialogue, turned round, denied, to be confirmed or chosen",
        measures=("reliability", "generalization", "portability", "rate"),
        dataset="world",
    ),
    _asked(
        "use",
        "edits that are used rather than repeated: sums, limits, comparisons, times, units, steps, two facts together",
        measures=("reliability", "portability", "hard_negative"),
        dataset="invented",
        together=True,
    ),
    _asked(
        "multilingual",
        "an edit told in one language and asked in others",
        measures=("reliability", "generalization", "portability", "locality"),
        dataset="mzsre",
    ),
    _asked(
        "temporal",
        "facts that hold for a time: asked as of a day, by dates in words, and with years that are no dates",
        measures=("reliability", "generalization", "hard_negative", "locality"),
        dataset="world",
    ),
    Task(name="consolidate", version=2, about="what a model says before and after edits are written into it for good"),
)  # fmt: skip
TASKS: dict[str, Task] = {one.name: one for one in _ALL}
ASKED: dict[str, Task] = {name: one for name, one in TASKS.items() if one.score == _ASKED}


def version_of(name: str) -> int:
    """The version of a task; the first one of what only scripts measure."""
    return TASKS[name].version if name in TASKS else FIRST_VERSION
