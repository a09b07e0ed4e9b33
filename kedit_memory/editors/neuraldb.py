"""`neuraldb`: a database of keys and values beside one layer (Fei et al. 2025, "NeuralDB: Scaling Knowledge Editing").

What ROME and MEMIT write into an MLP's output projection is a look-up of values by keys that is made linear so that it
fits a matrix, in which facts disturb each other and all else. Here each fact keeps its own row. With k what W, the
projection, reads at a token, k_i the key of fact i at its subject's last token and r_i the change that its value needs,

    W k + r_i  where i = argmax cos(k, k_i) and cos(k, k_i) > gate,    else W k

so that a token that is near no key keeps every bit. Keys and values are found as in ROME (Meng et al. 2022, section
3.1 and equation 4), always on the unedited model, so that facts do not depend on each other or on their order; a later
fact of the same prompt takes the place of the earlier one. As in all methods whose key is the subject's, other
questions about the subject come near, too.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import nn
from torch.nn.functional import normalize

from kedit_memory.editors._keyvalue import ValueEditor, keys, layer_indices, projection, texts_of
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._module_applied import ModuleChange, ModuleMethod
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors._values import find_values
from kedit_memory.editors.base import Fact
from kedit_memory.models import hooks
from kedit_memory.models.classifier import Editable
from kedit_memory.models.families import Family
from kedit_memory.models.language import WhiteBoxModel, white_box

_DEPTH = 0.2  # of the default layer, from the first to the last, as for ROME
_CHUNK = 4096  # tokens that are compared with all keys at once


class Database(nn.Module):
    """Keys of unit length, (facts, in), and values, (facts, out), float32; they are replaced, never written into."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("keys", keys)
        self.register_buffer("values", values)

    def __len__(self) -> int:
        return len(self.keys)

    def __deepcopy__(self, _: Any) -> "Database":
        """The same rows, which nobody writes into."""
        return Database(self.keys, self.values)

    def with_rows(self, keys: torch.Tensor, values: torch.Tensor, prompts: Sequence[str]) -> "Database":
        """These rows beside those here, of which the ones whose prompt comes again later are empty from now on.

        `prompts` names all rows in their order. An empty row has no direction, so that no state is near it.
        """
        last = {prompt: row for row, prompt in enumerate(prompts)}
        stays = torch.tensor([last[prompt] == row for row, prompt in enumerate(prompts)], device=self.keys.device)
        return Database(
            torch.cat([self.keys, keys.to(self.keys)]) * stays[:, None],
            torch.cat([self.values, values.to(self.values)]) * stays[:, None],
        )

    def nearest(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The cosine to the nearest key, and its row, of states (tokens, in); both of shape (tokens,)."""
        parts = [(normalize(part, dim=-1) @ self.keys.T).max(-1) for part in torch.split(states.float(), _CHUNK)]
        return torch.cat([part.values for part in parts]), torch.cat([part.indices for part in parts])


class DatabaseAdapter:
    """A database in force at a projection."""

    def __init__(self, model: WhiteBoxModel, family: Family, layer: int, module: Database, gate: float) -> None:
        self.family = family
        self.layer = layer
        self.module = module
        self._projection = projection(model, family, layer)
        self._gate = gate
        self._hooks: ExitStack | None = None
        self.open()

    def open(self) -> None:
        """Set the hook; a second call changes nothing."""
        if self._hooks is None:
            self._hooks = ExitStack()
            self._hooks.enter_context(hooks.revise(self._projection, self._revised))

    def close(self) -> None:
        """Remove the hook; a second call changes nothing."""
        if self._hooks is not None:
            self._hooks.close()
            self._hooks = None

    @torch.no_grad()
    def _revised(self, read: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        if not len(self.module):
            return output
        cosines, rows = self.module.nearest(read.flatten(0, -2))
        hit = (cosines > self._gate).view(read.shape[:-1])
        if not bool(hit.any()):
            return output
        revised = output.clone()
        revised[hit] += self.module.values[rows[hit.flatten()]].to(output)
        return revised


@dataclass(frozen=True, kw_only=True)
class NeuralDB(ValueEditor, ModuleMethod):
    """Keeps each fact in a row of its own, which a token near its key is given.

    Attributes:
        layer: The layer, from 0; a fifth of the way up if None.
        gate: The cosine to a key above which its value is added. See `ValueEditor` for the other options.
    """

    name: ClassVar[str] = "neuraldb"
    needs_subjects: ClassVar[bool] = True
    change: ClassVar[type[ModuleChange]] = ModuleChange

    layer: int | None = None
    gate: float = 0.65

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        super().__post_init__()
        check_options(self.name, gate=(self.gate, 0.0, 1.0))

    def attach(self, model: Editable) -> DatabaseAdapter:
        """An empty database in the model."""
        model = white_box(model, self.name)
        family = decoder_family(model, self.name)
        (layer,) = layer_indices(family, [round(_DEPTH * (family.count - 1)) if self.layer is None else self.layer])
        rows, columns = model.model.get_parameter(family.mlp_out_weight(layer)).shape
        key, value = (rows, columns) if family.transposed else (columns, rows)
        empty = Database(torch.zeros(0, key, device=model.device), torch.zeros(0, value, device=model.device))
        return DatabaseAdapter(model, family, layer, empty, self.gate)

    def placed(self, adapter: DatabaseAdapter) -> Self:
        """The same editor, which names the layer."""
        return replace(self, layer=adapter.layer)

    def fill(self, module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over the rows of a saved database."""
        assert isinstance(module, Database)  # noqa: S101 - of `attach`
        held = [tensors[name].to(module.keys) for name in ("keys", "values")]
        if len(held[0]) != len(held[1]) or [one.shape[1:] for one in held] != [
            one.shape[1:] for one in (module.keys, module.values)
        ]:
            raise RuntimeError("keys and values do not fit")  # becomes the error of a damaged folder
        module.keys, module.values = held

    def learn(self, change: ModuleChange, wanted: Sequence[Fact]) -> int:
        """Find a key and a value for each fact in the unedited model."""
        adapter: DatabaseAdapter = change.adapter
        adapter.close()
        model = white_box(change.model, self.name)
        family, layer = adapter.family, adapter.layer
        texts = texts_of(model, wanted, self)
        values = find_values(model, family, layer, texts, self)
        found = normalize(keys(model, family, [layer], texts)[layer], dim=-1)
        prompts = [fact.prompt for fact in (*(outcome.fact for outcome in change.outcomes), *wanted)]
        adapter.module = adapter.module.with_rows(found, values.deltas, prompts)
        return max(values.steps)
