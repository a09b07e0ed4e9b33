"""The hooks by which a codebook takes part in a model's forward pass.

The look-up happens once for each sequence, in the pass that reads the prompt, whatever then follows: key-value cache,
sampling, beams. Where nothing is found, tensors go through untouched, so that a miss is bit-identical; where some rows
of a batch hit, the others keep their bits.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import torch

from kedit_memory.editors._codebook_frame import Frame
from kedit_memory.editors._codebook_site import Batch, Site
from kedit_memory.editors.codebook import Codebook, Found
from kedit_memory.errors import CapabilityError, EditorError
from kedit_memory.models.caches import cache_of, given_cache
from kedit_memory.models.hooks import replace, watch
from kedit_memory.records import Vectors

Replacement = Literal["replace_last", "replace_prompt", "replace_all"]


@dataclass(kw_only=True)
class Pass:
    """What one forward pass knows about itself."""

    mask: Any = None
    cache: Any = None
    reads_prompt: bool = True
    read: torch.Tensor | None = None  # (rows, columns, width): what goes into the module
    columns: torch.Tensor | None = None  # (rows, columns): where states are replaced
    values: torch.Tensor | None = None  # (rows, width)


class Asked(NamedTuple):
    """Of each prompt the state at its query token, (rows, width), and which states give way, (rows, columns)."""

    states: torch.Tensor
    columns: torch.Tensor


class Adapter:
    """A codebook in force at a site; `close` takes it out, `open` puts it back."""

    def __init__(
        self,
        site: Site,
        codebook: Codebook,
        find: Callable[[Vectors], Found],
        replacement: Replacement,
        frame: Frame | None = None,
    ) -> None:
        self.site = site
        self.codebook = codebook
        self.frame = frame
        self.find = find  # which entries answer queries, of shape (rows, width)
        self._replacement = replacement
        self._local = threading.local()  # passes of several threads do not mix
        self._staying: WeakKeyDictionary[Any, tuple[torch.Tensor, torch.Tensor]] = WeakKeyDictionary()
        self._hooks: ExitStack | None = None
        self.open()

    def open(self) -> None:
        """Sets the hooks; a second call changes nothing."""
        if self._hooks is None:
            self._hooks = ExitStack()
            self._hook(self._hooks)

    def close(self) -> None:
        """Removes the hooks; a second call changes nothing."""
        if self._hooks is not None:
            self._hooks.close()
            self._hooks = None

    @contextmanager
    def query_tokens(self, columns: torch.Tensor) -> Iterator[None]:
        """Within the block, these columns (rows,) hold the query tokens: for a pass that reads a target as well."""
        self._local.queries = columns
        try:
            yield
        finally:
            del self._local.queries

    @contextmanager
    def choosing(self, find: Callable[[Vectors], Found] | None) -> Iterator[None]:
        """Within the block, this rule finds entries, or none is found at all."""
        self._local.find = find
        try:
            yield
        finally:
            del self._local.find

    @contextmanager
    def forced(self, batch: Batch, values: torch.Tensor | None) -> Iterator[None]:
        """Within the block, each row has its value of shape (rows, width), or none at all; nothing is looked up."""
        columns = None if values is None else self._columns(batch.queries, batch.prompts, batch.present)
        self._local.forced = (columns, values)
        try:
            yield
        finally:
            del self._local.forced

    def key_of(self, states: torch.Tensor) -> Vectors:
        """States of shape (…, width) as the codebook is given them: in the frame where there is one."""
        keys: Vectors = states.detach().float().cpu().numpy()
        return keys if self.frame is None else self.frame(keys)

    def _hook(self, hooks: ExitStack) -> None:
        hooks.enter_context(watch(self.site.stack_module, self._begin, self._end))
        hooks.enter_context(replace(self.site.module, self._look, "input"))
        hooks.enter_context(replace(self.site.module, self._put))

    def _begin(self, arguments: Mapping[str, Any]) -> None:
        cache = given_cache(arguments)
        empty = cache is None or cache.get_seq_length() == 0
        self._local.now = Pass(mask=arguments.get("attention_mask"), cache=cache, reads_prompt=empty)

    def _look(self, hidden: torch.Tensor) -> torch.Tensor:
        if hidden.dim() != 3:
            raise CapabilityError("this model's MLP has all tokens in one row, where no codebook can sit: site='layer'")
        now: Pass = self._local.now
        now.read = hidden
        if (forced := getattr(self._local, "forced", None)) is not None:
            now.columns, now.values = forced
        elif now.reads_prompt:
            self._ask(now, hidden)
        elif (stays := self._staying.get(now.cache)) is not None:
            hit, now.values = stays
            if len(hit) != len(hidden):
                raise EditorError(
                    f"the cache was made with {len(hit)} rows and is used with {len(hidden)}: "
                    "replace_all needs the same rows at each step"
                )
            now.columns = hit[:, None].expand(hidden.shape[:2])
        return hidden

    def _ask(self, now: Pass, hidden: torch.Tensor) -> None:
        """Look up the prompts of a pass that reads them."""
        find = getattr(self._local, "find", self.find)
        if not len(self.codebook) or find is None:
            return
        asked = self._asked(now, hidden)
        entries = find(self.key_of(asked.states)).entries
        if (entries >= 0).any():
            hit = torch.from_numpy(entries >= 0).to(hidden.device)
            now.values = torch.from_numpy(self.codebook.values[entries.clip(0)]).to(hidden.device)
            now.columns = asked.columns & hit[:, None]

    def _asked(self, now: Pass, hidden: torch.Tensor) -> "Asked":
        """The states at the query tokens of a pass, and where theirs would be replaced."""
        present = _present(now.mask, hidden)
        queries = getattr(self._local, "queries", None)
        if queries is None:
            queries = self.site.query_columns(present)
        queries = queries.to(hidden.device)
        states = hidden.detach()[torch.arange(len(hidden), device=hidden.device), queries]
        return Asked(states, self._columns(queries, self.site.prompts(present, queries), present))

    def _put(self, output: torch.Tensor) -> torch.Tensor:
        now: Pass = self._local.now
        if now.columns is None or now.values is None:
            return output
        columns = now.columns.to(output.device)[..., None]
        return torch.where(columns, now.values.to(output)[:, None], output)

    def _end(self, output: Any) -> None:
        now: Pass = self._local.now
        cache = cache_of(output)
        if self._replacement == "replace_all" and now.reads_prompt and cache is not None and now.values is not None:
            assert now.columns is not None  # noqa: S101 - set with the values
            self._staying[cache] = (now.columns.any(1), now.values)

    def _columns(self, queries: torch.Tensor, prompts: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Where states are replaced, of shape (rows, columns)."""
        match self._replacement:
            case "replace_last":
                return torch.arange(present.shape[1], device=present.device) == queries[:, None]
            case "replace_prompt":
                return prompts
            case "replace_all":
                return present


def _present(mask: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Which of a pass's tokens are no padding, of shape (rows, columns), by the mask that the model was given."""
    if isinstance(mask, dict):  # one for each kind of attention, alike in what is padding
        mask = next(iter(mask.values()))
    if mask is None:
        return torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
    if mask.dim() == 4:  # (rows, heads, queries, keys): a token that is no padding sees itself
        sees = torch.diagonal(mask[:, 0], dim1=1, dim2=2)[:, : hidden.shape[1]]
        return sees if sees.dtype == torch.bool else sees == 0
    known: torch.Tensor = mask[:, : hidden.shape[1]]
    return known.bool()
