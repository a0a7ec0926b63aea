"""Changes that belong together are evaluated together.

Every save and every edit of a list of templates runs in a batch; code that changes several things at once opens one
around them. At its end, still in the transaction: follow-ups (such as the templates of a new group), then one compile
of every configuration concerned, then the signals, each once. Leaving a batch with an error leaves nothing behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models, transaction

from ..common.authorship import author_id
from ..common.wakeup import wake
from .compiling import compiler
from .compiling.compiler import Outcome, Why
from .delivery import outbox
from .delivery.outbox import Emission, Rank
from .models import Announcement, Cause, Config, DeviceGroup, Template
from .vpn import clients

_current: ContextVar[Batch | None] = ContextVar("config_batch", default=None)
#: Of several causes in one batch, the first of these gives the action that is announced.
_STRENGTH = (
    Cause.CREATED, Cause.DEACTIVATED, Cause.EDITED, Cause.TEMPLATE, Cause.TEMPLATES, Cause.TEMPLATE_DEFAULTS,
    Cause.VPN, Cause.INPUTS, Cause.CLEARED, Cause.ROLLED_BACK,
)  # fmt: skip


@dataclass
class Pending:
    """A configuration that the batch concerns."""

    config: Config | None
    """None = known by its key alone, until it is loaded for compiling."""
    causes: dict[Cause, str] = field(default_factory=dict)
    """Cause → what changed, in words."""
    announced_anyway: bool = False
    previous_status: str | None = None
    """The stored status, where the batch replaced it."""
    author: uuid.UUID | None = None
    """Who made the change, if it is known and a person."""
    outcome: Outcome | None = None
    """What became of it, where it was not compiled."""

    def why(self) -> Why:
        if not self.causes:
            return Why(Cause.DEACTIVATED)
        cause = min(self.causes, key=_STRENGTH.index)
        return Why(cause, self.causes[cause], self.author)

    def about_status(self) -> Pending:
        """The same, with nothing to announce but a new status."""
        return Pending(self.config, previous_status=self.previous_status)

    @property
    def silent(self) -> bool:
        """Nothing about it is announced: it was created in this batch, or got templates from what created it."""
        if Cause.CREATED in self.causes:
            return True
        return self.config is not None and self.config.created_here and set(self.causes) == {Cause.TEMPLATES}


class Batch:
    """What has been recorded since the batch was opened. Use ``batch()`` to get the current one."""

    def __init__(self, *, background: bool = False) -> None:
        self.background = background
        self.author = author_id()
        """Primary key of the person to whom the changes are attributed."""
        self.own: frozenset[uuid.UUID] = frozenset()
        """Configurations whose templates this app itself is editing."""
        self._pending: dict[uuid.UUID, Pending] = {}
        self._follow_ups: dict[tuple[Any, ...], Callable[[], None]] = {}
        self._after_compiling: list[Callable[[], None]] = []
        self._emissions: list[Emission] = []
        self._assigned: dict[uuid.UUID, list[Template]] = {}
        self._set_relations: set[uuid.UUID] = set()
        self._vpn_clients: set[uuid.UUID] = set()
        self._locked: set[uuid.UUID] = set()
        self._added: dict[uuid.UUID, list[str]] = {}
        self.owed: list[Announcement] = []
        self.memory: dict[Any, Any] = {}
        """What other apps note until the end of the batch, under keys of their own."""
        self._groups: dict[uuid.UUID, tuple[DeviceGroup, list[Any]]] = {}

    # what changes

    def saved(self, instance: models.Model, created: bool, before: dict[str, Any]) -> None:
        """Record that a model was saved; ``before`` holds the replaced values by attribute name."""
        from .policy import changes

        if isinstance(instance, Config):
            self._locked.add(instance.pk)
        changes.record(self, instance, created, before)

    def compile(self, config: Config, cause: Cause, detail: str = "") -> None:
        """Compile a configuration at the end of the batch."""
        self._concerns(config).causes[cause] = detail

    def compile_claimed(self, key: uuid.UUID, why: Why) -> None:
        """Compile a configuration that is locked and known by its key alone."""
        self._locked.add(key)
        pending = self._pending.setdefault(key, Pending(None))
        pending.causes[why.cause] = why.detail
        pending.author = why.author

    def lock(self, keys: Iterable[uuid.UUID]) -> None:
        """Lock configurations before what their compiling depends on is read, so that two edits do not cross."""
        fresh = set(keys) - self._locked
        if fresh and connection.features.has_select_for_update:
            rows = Config.objects.filter(pk__in=fresh).order_by("pk").select_for_update(no_key=True)
            list(rows.values_list("pk"))
        self._locked |= fresh

    def released(self, config: Config, outcome: Outcome, cause: Cause) -> None:
        """Record that a revision was released without compiling."""
        pending = self._concerns(config)
        pending.outcome = outcome
        pending.causes.setdefault(cause, "")

    def status_changed(self, config: Config, previous: str) -> None:
        """Record that a new status was stored for a configuration."""
        pending = self._concerns(config)
        if pending.previous_status is None:
            pending.previous_status = previous

    def announce_modified(self, config: Config) -> None:
        """Announce a configuration as modified even if it compiles to the same."""
        pending = self._concerns(config)
        pending.causes.setdefault(Cause.EDITED, "")
        pending.announced_anyway = True

    def stale(self, configs: models.QuerySet[Config], cause: Cause, detail: str = "") -> None:
        """Mark configurations for compiling in the background, however many they are, with one statement."""
        if Config.mark_stale(configs, cause, detail):
            wake("config.compile_stale")

    def emit(self, rank: Rank, signal: Any, subject: models.Model, **arguments: Any) -> None:
        """Send a signal at the end of the batch, among those about ``subject`` in the order of ``rank``."""
        self._emissions.append(Emission(rank, signal, subject, arguments))

    def after_compiling(self, action: Callable[[], None]) -> None:
        """Run ``action`` once the configurations are compiled and their instances up to date."""
        self._after_compiling.append(action)

    def follow_up(self, key: tuple[Any, ...], action: Callable[[], None]) -> None:
        """Run ``action`` before compiling, once per ``key``."""
        self._follow_ups.setdefault(key, action)

    def vpn_clients_follow(self, config_id: uuid.UUID) -> None:
        """Let the VPN clients of a configuration follow its templates, before it is compiled."""
        self._vpn_clients.add(config_id)

    # lists of templates

    def relation_changes(self, instance: models.Model, *, is_set: bool = False, added: Iterable[Any] = ()) -> None:
        """Record that a list of templates is about to be edited.

        Args:
            instance: whose list it is.
            is_set: the list is replaced, rather than cleared.
            added: objects (or their keys) about to be added, in order.
        """
        if isinstance(instance, Config):
            self.lock([instance.pk])
        if is_set:
            self._set_relations.add(instance.pk)
        self._added[instance.pk] = [str(getattr(item, "pk", item)) for item in added]

    def templates_assigned(self, config: Config, templates: Iterable[Template]) -> None:
        """Remember the complete list that a new configuration was given, so that compiling need not read it again."""
        self._assigned[config.pk] = list(templates)

    def templates_edited(self, keys: Iterable[uuid.UUID] | None) -> None:
        """Forget what ``templates_assigned`` remembered of these configurations; None = of all."""
        for key in list(self._assigned) if keys is None else keys:
            self._assigned.pop(key, None)

    def in_order_of_addition(self, instance: models.Model, templates: Iterable[Template]) -> list[Template]:
        """Sort templates that are being added as the caller gave them."""
        order = {key: place for place, key in enumerate(self._added.get(instance.pk, ()))}
        return sorted(templates, key=lambda template: order.get(str(template.pk), len(order)))

    def is_set(self, instance: models.Model) -> bool:
        return instance.pk in self._set_relations

    def group_templates_change(self, group: DeviceGroup) -> None:
        """Remember the templates of a group as they were before the batch."""
        if group.pk not in self._groups:
            self._groups[group.pk] = (group, list(group.templates.all()))

    @contextmanager
    def own_edits(self, configs: Iterable[Config]) -> Iterator[None]:
        """While open, edits of the templates of these are this app's own and already accounted for."""
        before, self.own = self.own, self.own | {config.pk for config in configs}
        try:
            yield
        finally:
            self.own = before

    # the end

    def finish(self) -> list[Emission]:
        """Run the follow-ups, compile, and return the signals to send, in order."""
        from .policy import changes

        while self._follow_ups or self._groups or self._vpn_clients:
            for group, before in [self._groups.pop(key) for key in list(self._groups)]:
                changes.group_templates_edited(self, group, before)
            for key in list(self._follow_ups):
                self._follow_ups.pop(key)()
            if self._vpn_clients:
                following, self._vpn_clients = self._vpn_clients, set()
                self.lock(following)
                clients.synchronise(following, at_once=not self.background)
        results = self._results(self._compile())
        for action in self._after_compiling:
            action()
        failed = [str(outcome.config.pk) for _, outcome in results if outcome.error and outcome.status_changed]
        if failed:
            wake("config.notify_compile_errors", failed)
        if self.background:
            self.owed = Announcement.objects.bulk_create(outbox.owed(results))
        emissions = list(self._emissions)
        for pending, outcome in results:
            config = pending.config or outcome.config
            emissions += outbox.of_config(config, pending.why(), outcome, pending.announced_anyway)
        return outbox.in_order(emissions)

    def _concerns(self, config: Config) -> Pending:
        pending = self._pending.setdefault(config.pk, Pending(config, author=self.author))
        pending.config = pending.config or config
        return pending

    def _compile(self) -> dict[uuid.UUID, Outcome]:
        reasons = {
            key: pending.why() for key, pending in self._pending.items() if pending.causes and not pending.outcome
        }
        if not reasons:
            return {}
        self.lock(reasons)
        return {outcome.config.pk: outcome for outcome in compiler.compile_configs(reasons, self._assigned)}

    def _results(self, outcomes: dict[uuid.UUID, Outcome]) -> list[tuple[Pending, Outcome]]:
        """Pair what was asked with what came of it, bring instances in hand up to date; leave out what is silent."""
        results = []
        for key, pending in self._pending.items():
            outcome = outcomes.get(key) or pending.outcome
            if outcome is None:
                if pending.causes or pending.config is None or pending.previous_status is None:
                    continue  # deleted meanwhile
                outcome = Outcome(pending.config, previous_status=pending.previous_status)
            if pending.previous_status is not None:
                outcome.previous_status = pending.previous_status
            if pending.config is not None:
                _bring_up_to_date(pending.config, outcome.config)
            if not pending.silent:
                quiet = outcome.postponed and not pending.announced_anyway
                results.append((pending.about_status() if quiet else pending, outcome))
        return results


_OUTPUTS = (
    "status", "error_reason", "compile_error", "release_policy", "stale_since", "stale_cause", "stale_detail",
)  # fmt: skip


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
    config._remember(_OUTPUTS)


@contextmanager
def batch(*, background: bool = False) -> Iterator[Batch]:
    """Open a batch in a transaction of its own, or join the one that is open.

    Args:
        background: the change concerns shared objects; signals are sent after the commit, and a receiver that raises
            does not stop the others.
    """
    current = _current.get()
    if current is not None:
        yield current
        return
    current = Batch(background=background)
    with transaction.atomic():
        token = _current.set(current)
        try:
            yield current
            emissions = current.finish()
        finally:
            _current.reset(token)
        if not background:
            for emission in emissions:
                emission.send()
    if background:
        outbox.send_robustly(emissions, current.owed)
