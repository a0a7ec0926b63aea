"""The language of the table of changes: what is observed, and what follows. Every value can be printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models import Model, QuerySet
from django.dispatch import Signal

from ..compiling import compilation
from ..delivery import jobs
from ..delivery.emissions import Emission, Emissions, send_after_commit
from ..models import Cause, Config, Device, VpnClient
from ..unit_of_work import Happened, Observation, Saved, UnitOfWork

#: Takes an observation; a function with a name and a docstring of one line, which the reference shows.
Predicate = Callable[[Any], bool]


class Trigger(Protocol):
    """What is observed of a model."""

    @property
    def model(self) -> type[Model]: ...

    def matches(self, observation: Observation) -> bool:
        """Tell whether an observation of the model is the one meant."""

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Created:
    """A row of the model was created."""

    model: type[Model]

    def matches(self, observation: Observation) -> bool:
        return isinstance(observation, Saved) and observation.created

    def __str__(self) -> str:
        return f"{self.model.__name__} created"


@dataclass(frozen=True)
class Edited:
    """One of these attributes of the model was stored with another value."""

    model: type[Model]
    fields: tuple[str, ...]

    def __init__(self, model: type[Model], *fields: str) -> None:
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "fields", fields)

    def matches(self, observation: Observation) -> bool:
        return isinstance(observation, Saved) and any(name in observation.before for name in self.fields)

    def __str__(self) -> str:
        names = {field.attname: field.name for field in self.model._meta.concrete_fields}
        return f"{self.model.__name__}: {', '.join(names[attribute] for attribute in self.fields)}"


@dataclass(frozen=True)
class Event:
    """A use case says that something happened to an object."""

    model: type[Model]
    name: str

    def matches(self, observation: Observation) -> bool:
        return isinstance(observation, Happened) and observation.event == self.name

    def __str__(self) -> str:
        return f"{self.model.__name__} {self.name}"


@dataclass(frozen=True)
class Stored:
    """A row of the model was created or saved, whatever that changed."""

    model: type[Model]

    def matches(self, observation: Observation) -> bool:
        return isinstance(observation, Saved)

    def __str__(self) -> str:
        return f"{self.model.__name__} saved"


class Effect(Protocol):
    """What follows from an observation."""

    def apply(self, unit: UnitOfWork, observation: Any, what: str) -> None:
        """Let it follow.

        Args:
            unit: the unit of work of the observation.
            observation: what was observed.
            what: the change in words, for people.
        """

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Sends:
    """A documented signal is sent at the end of the unit of work."""

    signal: Signal
    arguments: Callable[[Any], dict[str, Any]] | None = None
    """Takes the observation, returns the arguments besides the subject; None = there are none."""
    sender: type[Any] | None = None
    """None = the class of the subject."""
    after_commit: bool = False
    """Sent after the commit, once in a transaction for each object."""
    named: str = "instance"
    """Name of the argument that is the subject."""

    def emission(self, observation: Any) -> Emission:
        """Return the signal with its arguments."""
        arguments = self.arguments(observation) if self.arguments is not None else {}
        status = observation.facts.get("status") if isinstance(observation, Happened) else None
        return Emission(self.signal, observation.subject, arguments, self.sender, self.named, status)

    def apply(self, unit: UnitOfWork, observation: Any, what: str) -> None:
        emission = self.emission(observation)
        if self.after_commit:
            send_after_commit(emission, robust=unit.background)
        else:
            unit.of(Emissions).add(emission)

    def __str__(self) -> str:
        return f"sends `{signal_name(self.signal)}`" + (" after the commit" if self.after_commit else "")


@dataclass(frozen=True)
class Compiles:
    """The configuration of the device that was changed is compiled at the end of the unit of work."""

    cause: Cause
    alone: bool = False
    """It is the cause only where there is no other one."""

    def apply(self, unit: UnitOfWork, observation: Any, what: str) -> None:
        config = _own_config(observation.subject)
        if config is not None:
            detail = _detail(observation, what)
            unit.of(compilation.Compilation).request(config, self.cause, detail, alone=self.alone)

    def __str__(self) -> str:
        where = ", where there is no other one" if self.alone else ""
        return f"compiles the device's own configuration (cause `{self.cause.name}`{where})"


@dataclass(frozen=True)
class Dependents:
    """The configurations that depend on an object which many devices share."""

    description: str
    query: Callable[[Any], QuerySet[Config]]


@dataclass(frozen=True)
class Marks:
    """Configurations are marked with one statement; workers compile them after the commit."""

    dependents: Dependents
    cause: Cause | Callable[[Any], Cause]
    """Or a function of the observation."""
    recheck: bool = True
    """Look again, when transactions that run at this moment have ended, for devices that came to the object unseen."""
    detail: Callable[[Any], str] | None = None
    """Says of the observation what changed, in words; None = the row does."""

    def apply(self, unit: UnitOfWork, observation: Any, what: str) -> None:
        cause = self.cause if isinstance(self.cause, Cause) else self.cause(observation)
        subject, detail = observation.subject, self.detail(observation) if self.detail else _detail(observation, what)
        if self.recheck:
            jobs.enqueue_recheck(subject._meta.label, subject.pk, cause, detail)
        compilation.mark_stale(self.dependents.query(subject), cause, detail)

    def __str__(self) -> str:
        cause = f"`{self.cause.name}`" if isinstance(self.cause, Cause) else first_line(self.cause)
        return f"marks {self.dependents.description} stale (cause {cause})"


@dataclass(frozen=True)
class Runs:
    """A named step is done at once; most of them note work for the end of the unit of work, or for workers."""

    step: Callable[[UnitOfWork, Any], None]
    """Takes the unit of work and the observation; its docstring says in one line what it does."""

    def apply(self, unit: UnitOfWork, observation: Any, what: str) -> None:
        self.step(unit, observation)

    def __str__(self) -> str:
        return first_line(self.step)


@dataclass(frozen=True)
class Change:
    """One row of the table: an observed change and its effects, in their order."""

    what: str
    trigger: Trigger
    effects: tuple[Effect, ...]
    only: Predicate | None = None
    """The row applies only where this says so of the observation."""

    def applies(self, observation: Observation) -> bool:
        """Tell whether the row is about an observation of its model."""
        return self.trigger.matches(observation) and (self.only is None or self.only(observation))

    def signals(self) -> Iterator[Sends]:
        """Yield the signals among the effects."""
        yield from (effect for effect in self.effects if isinstance(effect, Sends))


def first_line(function: Any) -> str:
    """Return the first line of a docstring, as part of a sentence."""
    line = (function.__doc__ or "").strip().splitlines()[0] if function.__doc__ else ""
    return line[:1].lower() + line[1:].rstrip(".")


def signal_name(signal: Signal) -> str:
    """Return the name under which a module of signals declares one."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("openwisp_controller.") and name.endswith(".signals"):
            for attribute, value in vars(module).items():
                if value is signal:
                    return attribute
    return repr(signal)


def _detail(observation: Observation, what: str) -> str:
    detail = observation.facts.get("detail") if isinstance(observation, Happened) else None
    return what if detail is None else str(detail)


def _own_config(subject: Config | VpnClient | Device) -> Config | None:
    if isinstance(subject, Config):
        return subject
    if isinstance(subject, VpnClient):
        return subject.config
    if not subject.has_config():
        relation: Any = Device._meta.get_field("config")
        relation.delete_cached_value(subject)  # it may have got one since somebody asked
    return subject.config if subject.has_config() else None
