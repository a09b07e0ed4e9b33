"""The choices of a router."""

from dataclasses import dataclass

from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.scope import SCOPES

RETRIEVED, GENERATED = "retrieved", "generated"
PATHS = ("auto", "context", "direct", "grace", "serac")


@dataclass(frozen=True, kw_only=True)
class RouterConfig:
    """Choices of a router, checked when they are made.

    Attributes:
        path: how an edit in scope answers: `context` puts it before the question, `direct` says the stored
            target, `grace` puts a value that the model learned for it in place of one of its states (which needs a
            model whose states are at hand), `serac` has the counterfactual model read it and answer in the model's
            place, `auto` says the target to the edit's own wording and uses the context
            for any other.
        scope: what decides whether an edit answers a question that names its subject: `verified`, the pair model;
            `radius`, the reach of the edit's keys; `model`, the pair model, and where its score comes near the
            threshold without reaching it, the language model, which says yes or no in one short call (it must follow
            instructions, and each such question waits for it); `auto`, the pair model unless its weights are not
            installed or the store's encoder has none either.
        max_tier: subjects up to this popularity tier are left to the model's own recall, where no gate is calibrated
            for the model.
        passages: how many passages are put before a question, 0 to retrieve nothing.
        related: how many edits that speak of a question and do not answer it a model is told as passages, so that it
            can use them: add, compare, draw a conclusion. 0, the default, leaves no trace on a miss.
        passages_from: `retrieved`, by a search; `generated`, one that the model writes for the question (GenRead, Yu et
            al., ICLR 2023), which needs a model that follows instructions.
        max_new_tokens: where a generated answer is cut; by default it is as long as the model makes it.
        device: where the reader of scope runs, and models that are named: "cpu", "cuda", "cuda:1"…; None takes an
            accelerator where there is one.
    """

    path: str = "auto"
    scope: str = "auto"
    max_tier: int = 2
    passages: int = 3
    related: int = 0
    passages_from: str = RETRIEVED
    max_new_tokens: int | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if self.path not in PATHS:
            raise InvalidInputError(f"no path {self.path!r} for edits in scope; choose one of {', '.join(PATHS)}")
        if self.scope not in SCOPES:
            raise InvalidInputError(f"no scope {self.scope!r}; choose one of {', '.join(SCOPES)}")
        if self.passages_from not in (RETRIEVED, GENERATED):
            raise InvalidInputError(f"no passages_from {self.passages_from!r}; choose one of {RETRIEVED}, {GENERATED}")
        if min(self.max_tier, self.passages, self.related) < 0 or (self.max_new_tokens or 1) < 1:
            raise InvalidInputError("max_tier, passages and related must be 0 or more, max_new_tokens 1 or more")
