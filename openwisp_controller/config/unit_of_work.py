"""Changes that belong together are evaluated together.

Every save and every edit of a list of templates runs in a unit of work; code that changes several things at once opens
one around them. What happens is reported to it and looked up in the table of changes (``policy/changes.py``). At its
end, still in the transaction, the phases of ``policy/phases.py`` run in their written order: what follows from the
change, one compile per configuration, the signals. Leaving a unit of work with an error leaves nothing behind.

This module knows no model: which phases there are, and what an observation leads to, is installed from above.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from django.db import connection, models, transaction

from ..common.authorship import author_id
from ..common.fate import Fate, current_fate
from ..common.registry import Registry

State = TypeVar("State")
_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


@dataclass(frozen=True, slots=True)
class Saved:
    """A model was saved."""

    subject: models.Model
    created: bool
    before: dict[str, Any]
    """The values that the save replaced, by attribute name."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened that is no save, or more than one; told by the use case that did it."""

    subject: models.Model
    event: str
    """Its name in the table of changes, such as ``enrolled``."""
    facts: dict[str, Any] = field(default_factory=dict)


Observation = Saved | Happened


class Stage(Enum):
    """When a phase runs; stages follow each other in this order."""

    SETTLE = "settle"
    """Inside the transaction, repeated together with the others of this stage until none of them did anything."""
    CONCLUDE = "conclude"
    """Inside the transaction, once."""
    DELIVER = "deliver"
    """Once: inside the transaction, or after its commit where the unit of work runs in the background."""


@dataclass(frozen=True)
class Phase:
    """One step at the end of every unit of work."""

    name: str
    purpose: str
    """What it does, in one line, for the reference."""
    stage: Stage
    run: Callable[[UnitOfWork], object]
    """Called with the unit of work; in the stage ``SETTLE`` it returns whether it did anything."""


#: The steps at the end of every unit of work, within their stage in the order in which they are registered.
phases: Registry[Phase] = Registry("phase of units of work")


def _not_installed(unit: UnitOfWork, observation: Observation) -> None:
    raise RuntimeError("No table of changes is installed: the configuration app is not started.")


_evaluate: Callable[[UnitOfWork, Observation], None] = _not_installed


def install(evaluate: Callable[[UnitOfWork, Observation], None]) -> None:
    """Say what observations lead to; called once, when the app starts."""
    global _evaluate
    _evaluate = evaluate


class UnitOfWork:
    """What has been reported since it was opened. Use ``unit_of_work()`` to join the current one or to open one.

    Args:
        background: it works for objects that many devices share; see ``unit_of_work``.
        robust: a receiver that raises does not stop the others; see ``unit_of_work``.
    """

    def __init__(self, *, background: bool = False, robust: bool = False) -> None:
        self.background = background
        self.robust = background or robust
        self.author: uuid.UUID | None = author_id()
        """Primary key of the person to whom the changes are attributed."""
        self._states: dict[type[Any], Any] = {}
        self._locked: dict[type[models.Model], set[Any]] = {}
        self._created: set[tuple[type[models.Model], Any]] = set()

    def saved(self, instance: models.Model, *, created: bool, before: dict[str, Any]) -> None:
        """Report that a model was saved; its row is locked by that.

        Args:
            instance: as it is stored now.
            created: whether the row is new.
            before: the values that were replaced, by attribute name.
        """
        self._locked.setdefault(type(instance), set()).add(instance.pk)
        if created:
            self._created.add((type(instance), instance.pk))
        _evaluate(self, Saved(instance, created, before))

    def created(self, instance: models.Model) -> bool:
        """Tell whether the row of an instance was created in this unit of work, so that nobody else knows it."""
        return (type(instance), instance.pk) in self._created

    def happened(self, subject: models.Model, event: str, /, **facts: Any) -> None:
        """Report an event of the table of changes.

        Args:
            subject: whom it is about.
            event: its name in the table.
            facts: what the table's row needs to know.

        Raises:
            LookupError: the table has no such event.
        """
        _evaluate(self, Happened(subject, event, facts))

    def of(self, kind: type[State]) -> State:
        """Return what a part of the program notes until the end of this unit of work, made on the first call.

        Args:
            kind: its class, which takes no arguments.
        """
        state: State | None = self._states.get(kind)
        if state is None:
            state = self._states[kind] = kind()
        return state

    def lock(self, model: type[models.Model], keys: Iterable[Any]) -> None:
        """Lock rows until the end of the transaction, in the order of their keys; those locked already cost nothing.

        Lock what something is derived from before reading it, so that two edits do not cross.
        """
        locked = self._locked.setdefault(model, set())
        fresh = set(keys) - locked
        if fresh and connection.features.has_select_for_update:
            rows = model._base_manager.filter(pk__in=fresh).order_by("pk").select_for_update(no_key=True)
            list(rows.values_list("pk"))
        locked |= fresh

    def consider_locked(self, model: type[models.Model], keys: Iterable[Any]) -> None:
        """Note that the caller has locked these rows."""
        self._locked.setdefault(model, set()).update(keys)

    def follow_up(self, key: Hashable, action: Callable[[], None]) -> None:
        """Run ``action`` before anything is compiled, once per ``key``, unless what it follows from is undone."""
        actions = self.of(FollowUps).actions
        if key not in actions or actions[key][0].is_undone:
            actions[key] = current_fate(), action

    def end(self) -> None:
        """Run all phases that belong into the transaction."""
        while self._run(Stage.SETTLE):
            pass
        self._run(Stage.CONCLUDE)

    def deliver(self) -> None:
        """Run the phases that tell others."""
        self._run(Stage.DELIVER)

    def _run(self, stage: Stage) -> bool:
        """Run the phases of a stage; return whether any of them says that it did something."""
        did = [phase.run(self) for phase in phases if phase.stage is stage]
        return any(did)


class FollowUps:
    """What is still to be done before anything is compiled."""

    def __init__(self) -> None:
        self.actions: dict[Hashable, tuple[Fate, Callable[[], None]]] = {}

    def run(self) -> bool:
        """Do what was noted up to now; return whether there was anything."""
        keys = list(self.actions)
        for key in keys:
            fate, action = self.actions.pop(key)
            if not fate.is_undone:
                action()
        return bool(keys)


def current_unit() -> UnitOfWork | None:
    """Return the unit of work that is open, None when there is none."""
    return _current.get()


@contextmanager
def unit_of_work(*, background: bool = False, robust: bool = False) -> Iterator[UnitOfWork]:
    """Join the current unit of work, or open one in a transaction of its own.

    Args:
        background: the change concerns shared objects; signals are sent after the commit, and a receiver that raises
            does not stop the others.
        robust: signals are sent inside the transaction, and a receiver that raises is logged and undoes nothing.
    """
    current = _current.get()
    if current is not None:
        yield current
        return
    unit = UnitOfWork(background=background, robust=robust)
    with transaction.atomic():
        token = _current.set(unit)
        try:
            yield unit
            unit.end()
        finally:
            _current.reset(token)
        if not background:
            unit.deliver()
    if background:
        unit.deliver()
