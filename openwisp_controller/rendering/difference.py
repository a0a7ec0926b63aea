"""What differs between the files of two archives."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from .archive import ArchiveFile


def diff(old: Iterable[ArchiveFile], new: Iterable[ArchiveFile]) -> list[str]:
    """Return the unified diff of two sets of files, line by line; none when they are the same."""
    before, after = ({file.path: file for file in files} for files in (old, new))
    paths = sorted(before.keys() | after.keys())
    return [line for path in paths for line in _of_file(path, before.get(path), after.get(path))]


def _of_file(path: str, old: ArchiveFile | None, new: ArchiveFile | None) -> Iterator[str]:
    if old == new:
        return
    if old is not None and new is not None and old.mode != new.mode:
        yield f"mode of {path}: {old.mode} → {new.mode}\n"
    lines = difflib.unified_diff(
        old.contents.splitlines() if old is not None else [],
        new.contents.splitlines() if new is not None else [],
        f"a/{path}" if old is not None else "/dev/null",
        f"b/{path}" if new is not None else "/dev/null",
        lineterm="",
    )
    for line in lines:
        yield line + "\n"
