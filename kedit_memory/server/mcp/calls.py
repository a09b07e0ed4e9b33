"""How a tool is called: it takes what it names and nothing else, and what is wrong comes back as one line."""

import logging
from typing import Any, get_args

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from pydantic import ValidationError, create_model

from kedit_memory.errors import KeditError

_LOG = logging.getLogger(__name__)


class Arguments(FuncMetadata):
    """The arguments of a tool. Clients send lists and objects as JSON in a string, too, but a text is left as it is."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        """The arguments with such strings parsed; an answer that happens to be JSON is none of them."""
        fields = self.arg_model.model_fields
        texts = {name: data[name] for name in data if name in fields and str in get_args(fields[name].annotation)}
        return super().pre_parse_json(data) | texts


class EditTool(Tool):
    """A tool of the memory."""

    def model_post_init(self, context: Any, /) -> None:
        """Refuse unknown arguments, such as a namespace, where the library would pass over them."""
        super().model_post_init(context)
        known = self.fn_metadata
        strict = create_model(known.arg_model.__name__, __base__=known.arg_model, __cls_kwargs__={"extra": "forbid"})
        self.fn_metadata = Arguments(**{**dict(known), "arg_model": strict})
        self.parameters = strict.model_json_schema()

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:  # noqa: FBT001, FBT002 - the library's signature
        """What the tool gives.

        Raises:
            ToolError: with the line of what was wrong; of a crash nothing but that there was one.
        """
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                raise ToolError(_in_a_line(self._faults(cause))) from cause
            if isinstance(cause, KeditError):
                raise ToolError(_in_a_line(str(cause))) from cause
            _LOG.error("%s crashed: %r", self.name, cause, exc_info=cause)
            raise ToolError(f"{self.name} crashed; the log of the server says more") from cause

    def _faults(self, error: ValidationError) -> str:
        """What is wrong with each argument; what was given is left out, as it may be long."""
        found = error.errors(include_url=False, include_input=False)
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        takes = f"; {self.name} takes {', '.join(self.fn_metadata.arg_model.model_fields)}"
        return faults + takes if any(one["type"] == "extra_forbidden" for one in found) else faults


def _in_a_line(text: str) -> str:
    return " ".join(text.split())
