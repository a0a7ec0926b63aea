"""The one kind of registry: named entries that apps add when they start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Entries by name, in the order in which they were registered.

    Args:
        what: names the entries in errors, such as ``step of a job``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._entries: dict[str, Entry] = {}

    def register(self, name: str, entry: Entry) -> None:
        """Add an entry.

        Raises:
            ValueError: another one has this name.
        """
        if self._entries.setdefault(name, entry) != entry:
            raise ValueError(f"There is another {self._what} called {name!r}.")

    def unregister(self, name: str) -> None:
        """Remove an entry, if it is there."""
        self._entries.pop(name, None)

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of that name.

        Raises:
            LookupError: there is none.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise LookupError(f"No {self._what} is called {name!r}.") from None

    def get(self, name: str) -> Entry | None:
        """Return the entry of that name, or None."""
        return self._entries.get(name)

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield names and entries, first registered first."""
        yield from self._entries.items()

    def __iter__(self) -> Iterator[Entry]:
        yield from self._entries.values()

    def __len__(self) -> int:
        return len(self._entries)
