"""Backups of the embedded mode: a directory with a consistent copy of what the data directory holds."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from .. import __version__
from . import environment

MANIFEST = "backup.json"
FORMAT = 1
_MEDIA = "media"
_STAGING = ".restoring"
_NOT_OURS = {"lost+found"}
_SECRETS = {environment.SECRET_KEY_FILE: "SECRET_KEY", environment.ENCRYPTION_KEYS_FILE: "ENCRYPTION_KEYS"}
"""Files with secrets, and the variables that replace them."""


class BackupError(Exception):
    """A backup could not be made or restored; the message is for people."""


def create(target: Path) -> list[str]:
    """Write a backup of the data directory; the server may go on working.

    Args:
        target: the directory to make.

    Returns:
        What people have to know about it, a sentence each: secrets that are not in it.

    Raises:
        BackupError: ``target`` is there, cannot be written, or there is nothing sound to save.
    """
    data = environment.data_path()
    database = data / environment.DATABASE_FILE
    if not database.exists() or not database.stat().st_size:
        raise BackupError(f"there is no database in {data}: name the data directory with --data-dir")
    if target.exists() or target.is_symlink():
        raise BackupError(f"{target} is there already, and is not overwritten: name another directory")
    with _explained(f"the backup cannot be written to {target}"):
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            _copy_database(database, partial / environment.DATABASE_FILE)
            for name in _SECRETS:
                if (data / name).exists():
                    _copy(data / name, partial / name)
            for path in _files(data / _MEDIA):
                _copy(path, partial / path.relative_to(data))
            _write_manifest(partial)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return _remarks(target)


def _remarks(target: Path) -> list[str]:
    """Say which secrets are not in a backup."""
    remarks = []
    for name, variable in _SECRETS.items():
        if os.environ.get(variable):
            remarks.append(f"{variable} stands in the environment and is not part of the backup: keep a copy of it.")
        elif not (target / name).exists():
            remarks.append(f"There is no {name} in the data directory, so there is none in the backup.")
    return remarks


def restore(source: Path, check: Callable[[], None]) -> None:
    """Put a backup into the data directory, which must be empty.

    Args:
        source: the backup.
        check: looks at what is about to be restored, when ``OPENWISP_DATA_DIR`` names it; what it raises stops it.

    Raises:
        BackupError: ``source`` is no backup or is damaged, or the data directory is in use or cannot be written.
    """
    names = _verified(source)
    data = environment.data_directory()
    staging = data / _STAGING
    with _explained(f"the backup cannot be restored to {data}"):
        if {path.name for path in data.iterdir()} - _NOT_OURS:
            raise BackupError(f"{data} is not empty, and nothing in it is overwritten: name another directory")
        staging.mkdir(mode=0o700)
        try:
            for name in names:
                _copy(source / name, staging / name)
            os.environ["OPENWISP_DATA_DIR"] = str(staging)
            check()
            # The database last: without it nothing starts.
            for path in sorted(staging.iterdir(), key=lambda path: path.name == environment.DATABASE_FILE):
                path.rename(data / path.name)
        finally:
            os.environ["OPENWISP_DATA_DIR"] = str(data)
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn errors of files and databases into a ``BackupError`` that begins with ``what``."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{what}: {error.strerror or error}") from None
    except sqlite3.Error as error:
        raise BackupError(f"{what}: {error}") from None


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, into one file, and verify the copy."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        _require_integrity(copy, source)


def _require_integrity(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ``BackupError`` when SQLite finds a database damaged; ``path`` is what people know it by."""
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise BackupError(f"the database {path} is damaged: {found}")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as original, os.fdopen(descriptor, "wb") as copy:
        shutil.copyfileobj(original, copy)


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(directory: Path) -> None:
    """Write down what a backup consists of."""
    manifest = {
        "format": FORMAT,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {str(path.relative_to(directory)): _digest(path) for path in _files(directory)},
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _verified(source: Path) -> list[str]:
    """Return the names of the files of a backup, all of which are what they were when it was made."""
    try:
        manifest = json.loads((source / MANIFEST).read_text())
        format_, version, files = int(manifest["format"]), str(manifest["version"]), dict(manifest["files"])
    except OSError as error:
        raise BackupError(f"{source} is no backup: {MANIFEST} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise BackupError(f"{source} is no backup: {MANIFEST} makes no sense") from None
    if format_ > FORMAT:
        raise BackupError(f"{source} was made by a newer version ({version}): install that one, or a later one, first")
    for name, digest in files.items():
        path = source / name
        if not path.is_file():
            raise BackupError(f"the backup {source} is not complete: it has no {name}")
        with _explained(f"{path} cannot be read"):
            if _digest(path) != digest:
                raise BackupError(f"the backup {source} is damaged: {name} is not what it was")
    if environment.DATABASE_FILE not in files:
        raise BackupError(f"{source} is no backup: it has no {environment.DATABASE_FILE}")
    return list(files)
