"""Unpacks a configuration archive the way the agent does: bounded, regular files only, UCI must parse."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from .uci import UciError, UciPackage, parse

UCI_DIRECTORY = "etc/config/"
MAX_UNPACKED = 16 * 1024 * 1024
MAX_MEMBERS = 2000

_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")


class ArchiveError(ValueError):
    """The archive cannot be unpacked, is too large, or holds something other than files."""


class InvalidConfiguration(ValueError):
    """A file of ``etc/config`` in the archive is not UCI."""


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file outside of UCI: its octets and its permission bits."""

    contents: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Content:
    """What an archive brings: UCI texts by package, other files by path without leading slash.

    ``warnings`` say what the agent passes over, ``faults`` what no controller may send. The texts are kept, not
    what they parse to: they take a fifth of the memory. Treat the mappings as read-only: devices share them.
    """

    uci: dict[str, str] = field(default_factory=dict)
    files: dict[str, ExtraFile] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def packages(self) -> dict[str, UciPackage]:
        """The UCI packages by name, parsed anew."""
        return {name: parse(text, name) for name, text in self.uci.items()}

    def same_as(self, other: Content) -> bool:
        """Whether both bring the same configuration."""
        return self.uci == other.uci and self.files == other.files


def unpack(data: bytes, *, max_unpacked: int = MAX_UNPACKED, max_members: int = MAX_MEMBERS) -> Content:
    """Read a ``tar.gz`` archive.

    Files with paths the agent does not accept are left out, with a warning in the result.

    Args:
        data: the archive.
        max_unpacked: the most octets that it may unpack to.
        max_members: the most members that it may have.

    Raises:
        ArchiveError: the archive is broken, exceeds a bound or has members that are no files.
        InvalidConfiguration: a file of ``etc/config`` is not UCI.
    """
    packages: dict[str, str] = {}
    files: dict[str, ExtraFile] = {}
    warnings: list[str] = []
    faults: list[str] = []
    for path, mode, contents in _members(data, max_unpacked, max_members):
        if path.startswith("/") or ".." in path.split("/"):
            faults.append(f"the archive has the unsafe path {path!r}")
        problem = path_problem(path)
        if problem:
            warnings.append(f"skipped {path!r}: {problem}")
        elif path.startswith(UCI_DIRECTORY) and "/" not in (name := path.removeprefix(UCI_DIRECTORY)):
            packages[name] = _uci_text(name, contents)
        else:
            files[path] = ExtraFile(contents, mode)
    return Content(packages, files, tuple(warnings), tuple(faults))


def path_problem(path: str) -> str:
    """Say why the agent does not accept a path of an archive; empty when it does."""
    if not path:
        return "the path is empty"
    if not _PLAIN_PATH.fullmatch(path):
        return "the path has characters other than letters, digits and ._/-"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "the path has an empty, '.' or '..' component"
    return ""


def _members(data: bytes, max_unpacked: int, max_members: int) -> Iterator[tuple[str, int, bytes]]:
    plain = _gunzip(data, max_unpacked)
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for number, member in enumerate(archive, start=1):
                if number > max_members:
                    raise ArchiveError(f"the archive has more than {max_members} members")
                if member.isdir():
                    continue
                file = archive.extractfile(member) if member.isreg() else None
                if file is None:
                    raise ArchiveError(f"{member.name!r} is neither a file nor a directory")
                # Headers can claim sizes that do not even fit a number of the machine.
                contents = file.read() if 0 <= member.size <= len(plain) else b""
                if len(contents) != member.size:
                    raise ArchiveError(f"{member.name!r} is cut short")
                yield member.name, member.mode & 0o7777, contents
    except tarfile.TarError as error:
        raise ArchiveError(f"not a tar archive: {error}") from error


def _gunzip(data: bytes, max_unpacked: int) -> bytes:
    """Inflate no more than the bound, so that a small archive cannot fill the memory."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            plain = stream.read(max_unpacked + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(f"not a gzip stream: {error}") from error
    if len(plain) > max_unpacked:
        raise ArchiveError(f"the archive unpacks to more than {max_unpacked} bytes")
    return plain


@lru_cache(maxsize=256)
def _uci_text(name: str, contents: bytes) -> str:
    """The text of a file that is UCI. Cached, since devices of a fleet have much in common."""
    try:
        text = contents.decode("utf-8")
        parse(text, name)
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{UCI_DIRECTORY}{name} is not UTF-8 text") from error
    except UciError as error:
        raise InvalidConfiguration(f"{UCI_DIRECTORY}{name}: {error}") from error
    return text
