"""The SERAC path: a counterfactual model reads the edit in scope with the question, and answers in the model's place.

Of SERAC (Mitchell et al., ICML 2022) the cache is the store and the classifier is the router's own scope; the
counterfactual model answers as it does for the editor `serac`. The model behind is neither read nor asked, so that
it may be any that generates, one behind an endpoint included.
"""

from collections.abc import Callable, Sequence

from kedit_memory.memory.requests import fact_of
from kedit_memory.models.language import Substitute, TextModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.substitution import told
from kedit_memory.records import Decision, Route


def reading(
    decisions: Sequence[Decision], counterfactual: Callable[[], TextModel]
) -> Callable[[Sequence[Prompt]], list[Substitute | None]]:
    """Who answers the prompts of these decisions, in their order; the counterfactual model is got if one goes to it."""

    def who(prompts: Sequence[Prompt]) -> list[Substitute | None]:
        return [
            Substitute(counterfactual(), told(prompt, fact_of(decision.edits[0].edit)))
            if decision.route is Route.SERAC
            else None
            for prompt, decision in zip(prompts, decisions, strict=True)
        ]

    return who
