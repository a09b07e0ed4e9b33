"""A PostgreSQL server of these tests: a real one, from the package pgserver."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Server:
    """A server that runs while the tests of a process do; each test has schemas of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._numbers = itertools.count(1)

    @contextmanager
    def places(self) -> Iterator[Callable[[str], str]]:
        """A function from the name to the address of a store, all of which are gone at the end."""
        import psycopg

        prefix, made = f"t{next(self._numbers)}_", set[str]()

        def place(name: str) -> str:
            made.add(schema := prefix + name.replace("-", "_").lower())
            return f"{self.address}&schema={schema}"

        yield place
        with psycopg.connect(self.address, autocommit=True) as connection:
            for schema in made:
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


@contextmanager
def running() -> Iterator[Server]:
    """A server whose files need not survive a crash of the machine.

    They are in no folder of pytest: the user as whom a server of root runs may not look into these.
    """
    pgserver = pytest.importorskip("pgserver")
    psycopg = pytest.importorskip("psycopg")
    with tempfile.TemporaryDirectory(prefix="kedit-postgres-") as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            yield Server(server.get_uri())
        finally:
            server.cleanup()
