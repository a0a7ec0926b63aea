"""Migrated databases: made once in a run of the tests, then copied."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from .e2e.processes import environment, run

DATABASE_FILE = "controller.sqlite3"
SECRETS = {"SECRET_KEY": "only-for-tests", "ENCRYPTION_KEYS": "only-for-tests-only-for-tests-only-for-tests"}


class Migrated:
    """A database with all tables and nothing in them, made by ``manage migrate`` for the first who needs it.

    Takes a directory that all processes of the run share. On SQLite ``file`` is the database, on PostgreSQL ``name``
    is its name; nobody may connect to it, so that it can be copied at any time.
    """

    def __init__(self, shared: Path) -> None:
        self.directory = shared / "migrated"
        self.directory.mkdir(exist_ok=True)
        self.file = self.directory / DATABASE_FILE
        self.url = os.environ.get("DATABASE_URL")
        self.name = f"{urlsplit(self.url).path[1:]}_migrated" if self.url else ""

    def make(self) -> None:
        """Make the database unless somebody has, or is about to."""
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = self.directory / "made"
            if not made.exists():
                self._make()
                made.touch()

    def copy_to(self, target: str) -> str:
        """Copy it to a data directory that is there or is created, or to a new database; return the path or the URL."""
        self.make()
        if self.url is None:
            Path(target).mkdir(mode=0o700, exist_ok=True)
            shutil.copy(self.directory / "encryption-keys", target)
            return str(shutil.copy(self.file, Path(target) / DATABASE_FILE))
        execute(self.url, f'CREATE DATABASE "{target}" TEMPLATE "{self.name}"')
        return sibling(self.url, target)

    def _make(self) -> None:
        if self.url is None:
            env = environment(OPENWISP_DATA_DIR=str(self.directory))
        else:
            execute(self.url, f'DROP DATABASE IF EXISTS "{self.name}"', f'CREATE DATABASE "{self.name}"')
            env = environment(DATABASE_URL=sibling(self.url, self.name), REDIS_URL=os.environ["REDIS_URL"], **SECRETS)
        result = run("manage", "migrate", "-v0", env=env)
        assert result.returncode == 0, result.stderr


def sibling(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def execute(url: str, *statements: str) -> None:
    """Execute statements, each for itself, on a connection that is closed afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def copied(migrated: Migrated, name: str) -> Iterator[str]:
    """A copy on PostgreSQL that is dropped at the end; yields its URL."""
    assert migrated.url is not None
    yield migrated.copy_to(name)
    execute(migrated.url, f'DROP DATABASE "{name}" WITH (FORCE)')
