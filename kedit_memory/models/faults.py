"""What the files of a model make other libraries raise, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from kedit_memory.errors import KeditError, MissingDependencyError, ModelError


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turns any error into one that says what cannot be done, such as "load the model x".

    It stands around calls of the libraries that read a model's files, build it and run it: what a damaged or hostile
    file makes them raise, from a ZeroDivisionError to a bare Exception, has no class in common.

    Raises:
        MissingDependencyError: a package is not installed.
        ModelError: anything else went wrong.
    """
    try:
        yield
    except KeditError:
        raise
    except ImportError as error:
        raise MissingDependencyError(f"cannot {what}: {told(error)}") from error
    except Exception as error:
        raise ModelError(f"cannot {what}: {told(error)}") from error


def told(error: BaseException) -> str:
    """What an error says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    # A first line that announces a list says nothing without it.
    return " ".join(lines) if lines[0].endswith(":") else lines[0]
