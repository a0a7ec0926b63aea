"""What a unit of work compiles at its end, and what came of it."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import QuerySet

from ...common.wakeup import wake
from ..models import Cause, Config, Notice, Template
from ..unit_of_work import UnitOfWork, unit_of_work
from . import compiler
from .outcome import Outcome, Why

#: Of several causes in one unit of work, the first of these gives the action that is announced.
_STRENGTH = (
    Cause.CREATED, Cause.DEACTIVATED, Cause.EDITED, Cause.TEMPLATE, Cause.TEMPLATES, Cause.TEMPLATE_DEFAULTS,
    Cause.VPN, Cause.INPUTS, Cause.CLEARED, Cause.ROLLED_BACK,
)  # fmt: skip
#: What compiling writes, to be copied to instances that callers have in hand.
_OUTPUTS = (
    "status", "error_reason", "compile_error", "undefined_variables", "release_policy", "stale_since", "stale_cause",
    "stale_detail",
)  # fmt: skip

#: One worker is woken for so many configurations, and not more workers than so many.
PER_WORKER, MOST_WORKERS = 200, 8


@dataclass
class CompileRequest:
    """A configuration that the unit of work concerns, and why."""

    config: Config | None
    """None = known by its key alone, until it is loaded for compiling."""
    causes: dict[Cause, str] = field(default_factory=dict)
    """Cause → what changed, in words."""
    possible: dict[Cause, str] = field(default_factory=dict)
    """The same of causes that count only where there is no other one."""
    forced: bool = False
    """It is announced as modified even if it compiles to the same."""
    previous_status: str | None = None
    """The stored status, where the unit of work replaced it."""
    author: uuid.UUID | None = None
    """Who made the change, where that is not the author of the unit of work."""
    outcome: Outcome | None = None
    """What became of it, where it was not compiled."""

    def why(self, author: uuid.UUID | None = None) -> Why:
        """Return the strongest cause, attributed to ``author`` unless somebody else is known."""
        causes = self.causes or self.possible
        if not causes:
            return Why(Cause.DEACTIVATED)
        cause = min(causes, key=_STRENGTH.index)
        return Why(cause, causes[cause], self.author or author)

    @property
    def has_cause(self) -> bool:
        """Whether the configuration is to be compiled."""
        return bool(self.causes or self.possible)

    def about_status(self) -> CompileRequest:
        """Return the same, with nothing to announce but a new status."""
        return CompileRequest(self.config, previous_status=self.previous_status)

    @property
    def is_silent(self) -> bool:
        """Whether nothing about it is announced: it was created just now, or got templates from what created it."""
        if Cause.CREATED in self.causes:
            return True
        causes = set(self.causes or self.possible)
        return self.config is not None and self.config.created_here and causes == {Cause.TEMPLATES}


class Compilation:
    """The configurations that one unit of work compiles at its end (``unit.of(Compilation)``)."""

    def __init__(self) -> None:
        self._requests: dict[uuid.UUID, CompileRequest] = {}
        self._known_templates: dict[uuid.UUID, list[Template]] = {}
        self.results: list[tuple[CompileRequest, Outcome]] = []
        """What was asked, with what came of it; filled by ``run``, without what is silent."""

    def request(self, config: Config, cause: Cause, detail: str = "", *, alone: bool = False) -> None:
        """Compile a configuration at the end of the unit of work.

        Args:
            config: its instance is brought up to date then.
            cause: why.
            detail: what changed, in words.
            alone: it is the cause only where there is no other one.
        """
        request = self._of(config)
        (request.possible if alone else request.causes)[cause] = detail

    def request_claimed(self, key: uuid.UUID, why: Why) -> None:
        """Compile a configuration that the caller has locked and knows by its key alone."""
        request = self._requests.setdefault(key, CompileRequest(None))
        request.causes[why.cause] = why.detail
        request.author = why.author

    def force_announcement(self, config: Config) -> None:
        """Announce a configuration as modified even if it compiles to the same."""
        request = self._of(config)
        request.causes.setdefault(Cause.EDITED, "")
        request.forced = True

    def released(self, config: Config, outcome: Outcome, cause: Cause) -> None:
        """Note that a revision was released without compiling."""
        request = self._of(config)
        request.outcome = outcome
        request.causes.setdefault(cause, "")

    def status_replaced(self, config: Config, previous: str) -> None:
        """Note that a new status was stored for a configuration."""
        request = self._of(config)
        if request.previous_status is None:
            request.previous_status = previous

    def know_templates(self, config: Config, templates: Iterable[Template]) -> None:
        """Note the complete list that a new configuration was given, so that compiling need not read it again."""
        self._known_templates[config.pk] = list(templates)

    def forget_templates(self, keys: Iterable[uuid.UUID] | None) -> None:
        """Forget what ``know_templates`` noted of these configurations; None = of all."""
        for key in list(self._known_templates) if keys is None else keys:
            self._known_templates.pop(key, None)

    def run(self, unit: UnitOfWork) -> None:
        """Compile what was requested and bring the instances in hand up to date."""
        self.results = self._results(self._compile(unit))
        failed = [outcome.config.pk for _, outcome in self.results if outcome.error and outcome.status_changed]
        if failed:
            Notice.write("compile_error", *failed)

    def _of(self, config: Config) -> CompileRequest:
        request = self._requests.setdefault(config.pk, CompileRequest(config))
        request.config = request.config or config
        return request

    def _compile(self, unit: UnitOfWork) -> dict[uuid.UUID, Outcome]:
        requested = {key: each for key, each in self._requests.items() if each.has_cause and not each.outcome}
        reasons = {key: each.why(unit.author) for key, each in requested.items()}
        if not reasons:
            return {}
        unit.lock(Config, reasons)
        return {outcome.config.pk: outcome for outcome in compiler.compile_configs(reasons, self._known_templates)}

    def _results(self, outcomes: dict[uuid.UUID, Outcome]) -> list[tuple[CompileRequest, Outcome]]:
        """Pair what was asked with what came of it, bring instances in hand up to date; leave out what is silent."""
        results = []
        for key, request in self._requests.items():
            outcome = outcomes.get(key) or request.outcome
            if outcome is None:
                if request.has_cause or request.config is None or request.previous_status is None:
                    continue  # deleted meanwhile
                outcome = Outcome(request.config, previous_status=request.previous_status)
            if request.previous_status is not None:
                outcome.previous_status = request.previous_status
            if request.config is not None:
                _bring_up_to_date(request.config, outcome.config)
            if not request.is_silent:
                quiet = outcome.postponed and not request.forced
                results.append((request.about_status() if quiet else request, outcome))
        return results


def request(config: Config, cause: Cause, detail: str = "") -> None:
    """Compile a configuration at the end of the current unit of work; see ``Compilation.request``."""
    with unit_of_work() as unit:
        unit.of(Compilation).request(config, cause, detail)


def announce_modified(config: Config) -> None:
    """Announce a configuration as modified at the end of the unit of work, even if it compiles to the same."""
    with unit_of_work() as unit:
        unit.of(Compilation).force_announcement(config)


def mark_stale(configs: QuerySet[Config], cause: Cause, detail: str = "") -> None:
    """Mark configurations for compiling in the background, however many they are, with one statement."""
    count = Config.mark_stale(configs, cause, detail)
    for _ in range(min(math.ceil(count / PER_WORKER), MOST_WORKERS)):
        wake("config.compile_stale")


def _bring_up_to_date(config: Config, fresh: Config) -> None:
    """Copy what the compiler decided to the instance that the caller has in hand."""
    if config is fresh:
        return
    for name in _OUTPUTS:
        setattr(config, name, getattr(fresh, name))
    for pointer in ("compiled", "released"):
        if Config._meta.get_field(pointer).is_cached(fresh):  # type: ignore[union-attr]
            setattr(config, pointer, getattr(fresh, pointer))
        else:
            setattr(config, f"{pointer}_id", getattr(fresh, f"{pointer}_id"))
    config.remember_stored(_OUTPUTS)
