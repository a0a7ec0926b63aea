"""The configuration archive: a reproducible tar.gz, written and read in memory.

Same input, same bytes: regular files only, owner 0, time 0, no gzip name or time. Sizes count UTF-8 bytes.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .errors import RenderingError

#: Bytes that the contents of all files of one archive may have together, unless ``limit_archives`` says less.
MAX_ARCHIVE_SIZE = 32 * 1024 * 1024
#: Files that one archive may have.
MAX_FILES = 10_000

_BLOCK = 512
_RECORD = 10_240
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
_UNSAFE_NAME = re.compile(r"(?:\A|/)(?:\.{0,2})(?:/|\Z)|[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of an archive: ``path`` without leading slash, ``mode`` like ``"0644"``, ``contents`` as
    text."""

    path: str
    mode: str
    contents: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A rendered configuration: ``data`` is the tar.gz, ``checksum`` its MD5 in hexadecimal.

    ``undefined`` are the names of variables that had no value, sorted.
    """

    data: bytes
    checksum: str
    undefined: tuple[str, ...] = ()

    @classmethod
    def from_bytes(cls, data: bytes, undefined: Iterable[str] = ()) -> Archive:
        """Wrap the bytes of a tar.gz and compute their checksum."""
        return cls(data, hashlib.md5(data, usedforsecurity=False).hexdigest(), tuple(sorted(undefined)))


_limit: Callable[[], int] = lambda: MAX_ARCHIVE_SIZE  # noqa: E731


def limit_archives(limit: Callable[[], int]) -> None:
    """Ask ``limit`` from now on how many bytes the files of one archive may have together."""
    global _limit
    _limit = limit


class _Limit:
    """Counts files and bytes of one archive."""

    def __init__(self) -> None:
        self._size = self._files = 0
        self._allowed = min(_limit(), MAX_ARCHIVE_SIZE)

    def count(self, name: str, size: int) -> None:
        self._size += size
        self._files += 1
        if self._size > self._allowed or self._files > MAX_FILES:
            allowed = self._allowed / 1024 / 1024
            raise RenderingError(
                f'The archive becomes too large with "{name}": at most {MAX_FILES} files and '
                f"{allowed:.4g} MiB in all are possible."
            )


class ArchiveWriter:
    """Collects text files and makes the archive."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._limit = _Limit()

    def add_text(self, name: str, contents: str, mode: str) -> None:
        """Add a text file. ``name`` is relative, ``mode`` octal digits.

        Raises :class:`RenderingError` when the name leaves the archive's root or the archive becomes too
        large.
        """
        data = contents.encode()
        header = _header(name, int(mode, 8), len(data))
        self._limit.count(name, len(data))
        self._parts.append(header)
        self._parts.append(data)
        if rest := len(data) % _BLOCK:
            self._parts.append(bytes(_BLOCK - rest))

    def finish(self) -> bytes:
        """Return the tar.gz."""
        tar = b"".join(self._parts)
        end = len(tar) + 2 * _BLOCK
        tar += bytes(2 * _BLOCK + -end % _RECORD)
        return compress(tar)


class TarWriter(tarfile.TarFile):
    """The same on a real ``TarFile``, for backends that write into it by themselves."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._limit = _Limit()
        super().__init__(fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8")

    def addfile(self, tarinfo: tarfile.TarInfo, fileobj: Any = None) -> None:
        if not tarinfo.isreg():
            raise RenderingError(f'"{tarinfo.name}" is not a regular file, archives hold nothing else.')
        check_name(tarinfo.name)
        self._limit.count(tarinfo.name, tarinfo.size)
        super().addfile(tarinfo, fileobj)

    def add_text(self, name: str, contents: str, mode: str) -> None:
        """Add a text file, see :meth:`ArchiveWriter.add_text`."""
        data = contents.encode()
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), int(mode, 8)
        self.addfile(info, io.BytesIO(data))

    def finish(self) -> bytes:
        """Return the tar.gz."""
        self.close()
        return compress(self._buffer.getvalue())


def compress(data: bytes) -> bytes:
    """Return ``data`` as a gzip stream without name and time, at level 9."""
    trailer = struct.pack("<LL", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return _GZIP_HEADER + zlib.compress(data, 9, wbits=-zlib.MAX_WBITS) + trailer


def check_name(name: str) -> None:
    """Raise :class:`RenderingError` if a file of this name would not stay inside the archive's root."""
    if _UNSAFE_NAME.search(name):
        raise RenderingError(
            f'"{name}" cannot be the name of a file in the archive: empty, "." and ".." components '
            "and control characters are not allowed."
        )


def _header(name: str, mode: int, size: int) -> bytes:
    if len(name) > 100 or not name.isascii() or mode > 0o7777777 or mode < 0:
        check_name(name)
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, mode
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    head, tail, checksum = _plain_header(name, mode)
    digits = b"%011o" % size
    return b"%b%b\x00%011o\x00%06o%b" % (head, digits, 0, checksum + sum(digits), tail)


@lru_cache(maxsize=4096)
def _plain_header(name: str, mode: int) -> tuple[bytes, bytes, int]:
    """Return what stands before the size and after the checksum, and the sum of all bytes but the size's."""
    check_name(name)
    info = tarfile.TarInfo(name)
    info.mode = mode
    block = info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    return block[:124], block[154:], int(block[148:154], 8) - sum(block[124:135])


def list_files(data: bytes) -> list[ArchiveFile]:
    """Read an archive back, for previews and differences.

    ``data`` is the tar.gz. Bytes that are not UTF-8 show as replacement characters. Raises
    :class:`RenderingError` when it is no readable archive or exceeds the limits for writing.
    """
    try:
        return list(_members(_decompress(data)))
    except (tarfile.TarError, zlib.error, EOFError, ValueError) as error:
        raise RenderingError(f"The archive cannot be read: {error}") from error


def _decompress(data: bytes) -> bytes:
    limit = MAX_ARCHIVE_SIZE + MAX_FILES * 3 * _BLOCK + _RECORD
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    tar = decompressor.decompress(data, limit)
    if decompressor.unconsumed_tail:
        raise RenderingError("The archive cannot be read: it is larger than any archive made here.")
    if not decompressor.eof:
        raise RenderingError("The archive cannot be read: it is cut short.")
    return tar


def _members(tar: bytes) -> Iterator[ArchiveFile]:
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as reader:
        for member in reader:
            content = reader.extractfile(member) if member.isreg() else None
            if content is not None:
                text = content.read().decode("utf-8", "replace")
                yield ArchiveFile(member.name, f"{member.mode:04o}", text)
