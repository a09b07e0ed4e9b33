"""Texts in place of facts: what is left of a paragraph when its question, and those about its parts, are asked.

The answer of a long text is not repeated word for word by a model that was told it, so it counts by the share of its
words (Deng et al. 2025 take ROUGE-L and similarity for the same reason): give `--judge token_f1`, the default here.
"""

from collections.abc import Mapping

from kedit_memory.evaluation.tasks.asked.sets import Read, public

SETS: Mapping[str, Read] = {"unke": public("unke")}
