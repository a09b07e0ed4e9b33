"""Training of what `mend`, `ke` and `serac` need before they can edit a model: a network, or a classifier and a reader.

`rows.py` reads the edits to train on; `hypernetworks.py` trains the networks, `scope.py` SERAC's classifier and
`reader.py` its counterfactual model; `clock.py` is the loop that all share.
"""

from kedit_memory.editors.training.clock import Settings
from kedit_memory.editors.training.rows import Row, divided, read_rows
from kedit_memory.editors.training.train import METHODS, check, options_of, train

__all__ = ["METHODS", "Row", "Settings", "check", "divided", "options_of", "read_rows", "train"]
