"""Log lines of a server: for people as text, for machines as JSON; no text of a user and no secret is in either."""

import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedit_memory.text import visible

JSON = "json"


class JsonLines(logging.Formatter):
    """A JSON object for each record: the fields that it was given, else its message.

    Of an exception its kind and place are told, not its message, which may quote what a user wrote.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
        }
        told |= getattr(record, "fields", None) or {"message": record.getMessage().strip()}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            frames = traceback.extract_tb(error.__traceback__)
            told["error"] = type(error).__name__
            told["trace"] = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames]
        return json.dumps(told, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"kedit: {visible(record.getMessage().strip())}"


def write_logs(form: str) -> None:
    """Write what is logged to standard error: warnings, and as JSON also a line for each request."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == JSON else _Text())
    logging.getLogger().addHandler(handler)
    if form == JSON:
        logging.getLogger("kedit_memory.server").setLevel(logging.INFO)
