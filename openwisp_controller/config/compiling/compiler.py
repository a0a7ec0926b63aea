"""From stale configurations to revisions, in bulk.

``compile_configs`` is the one place where a configuration is compiled, stored and released, for a single edited device
as well as for the thousands that an edited template touches.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db import connection
from django.db.models import F

from ... import rendering
from ...common.prepared import OneOf, Parameter, Prepared
from ...common.sql import referred_to_by, update_many
from ..models import Cause, Config, Revision, Template, VpnClient
from ..models.config import shorten_reason, storable
from ..vpn import clients, credentials
from ..vpn.variables import examples
from . import context
from .dsa import uses_dsa

logger = logging.getLogger(__name__)
Status = Config.Status
_COLUMNS = (
    "id", "status", "error_reason", "compile_error", "compiled_id", "released_id",
    "stale_since", "stale_cause", "stale_detail", "stale_author_id",
)  # fmt: skip
#: What ``load`` adds to every configuration, see ``register_annotation``.
_annotations: dict[str, Any] = {"has_vpn_clients": referred_to_by(VpnClient, "config", Config)}
_RELATED = ("device", "device__organization__config_settings", "device__group")
#: Name of an annotation → checksum of what a pointer holds.
_CHECKSUMS = {
    f"{pointer}_checksum": F(f"{pointer}__checksum") for pointer in ("compiled", "released", "downloaded", "applied")
}


if TYPE_CHECKING:

    class Loaded(Config):
        """A configuration as ``load`` returns it: with the checksums of the revisions that it points to."""

        compiled_checksum: str | None
        released_checksum: str | None
        downloaded_checksum: str | None
        applied_checksum: str | None
else:
    Loaded = Config


@dataclass(frozen=True, slots=True)
class Why:
    """Why a configuration is compiled: the cause, and in words what changed."""

    cause: Cause
    detail: str = ""
    author: uuid.UUID | None = None
    """Primary key of the person who made the change, if a person did."""


@dataclass(slots=True)
class Outcome:
    """What compiling did to one configuration. ``config`` carries the new values; they are stored."""

    config: Config
    previous_status: str
    released: bool = False
    """A new revision became available to the device."""
    error: str = ""
    postponed: bool = False
    """It lacks a key that is still being made; once that exists, the background compiles it."""

    @property
    def status_changed(self) -> bool:
        return self.config.status != self.previous_status


class Stacks:
    """Templates merged once for all devices that have the same ones."""

    def __init__(self) -> None:
        self._stacks: dict[tuple[Any, ...], rendering.Stack] = {}

    def get(self, backend: str, templates: Sequence[Template], dsa: bool) -> rendering.Stack:
        """Return the stack of these templates (from first to last)."""
        key = (backend, dsa, *(template.pk for template in templates))
        stack = self._stacks.get(key)
        if stack is None:
            stack = rendering.Stack(backend, [template.config for template in templates], dsa=dsa)
            self._stacks[key] = stack
        return stack


def register_annotation(name: str, expression: Any) -> None:
    """Let another app know something about every loaded configuration without a query of its own.

    Args:
        name: the attribute that configurations get.
        expression: what is selected with each configuration, such as whether rows of that app refer to it.
    """
    _annotations[name] = expression


def load(ids: Iterable[uuid.UUID], *, new: bool = False) -> list[Loaded]:
    """Load configurations with all that rendering needs and the checksums of what their pointers hold.

    Args:
        ids: primary keys.
        new: all of them were created in this transaction, so the pointers hold nothing yet.
    """
    if not new:
        return _loaded(ids=ids)
    configs = _just_created(ids=ids)
    for config in configs:
        config.__dict__.update(dict.fromkeys(_CHECKSUMS))
    return configs


def _query(**annotations: Any) -> Any:
    configs = Config.objects.filter(OneOf("pk", Parameter("ids", Config))).select_related(*_RELATED).order_by("pk")
    return configs.annotate(**_annotations, **annotations)


_loaded: Prepared[Loaded] = Prepared(lambda: _query(**_CHECKSUMS))
_just_created: Prepared[Loaded] = Prepared(_query)


def claim_stale(limit: int) -> dict[uuid.UUID, Why]:
    """Lock up to ``limit`` stale configurations that no other worker holds; return why each is stale."""
    stale = Config.objects.filter(~clients.waiting_configs(), stale_since__isnull=False).order_by("stale_since", "pk")
    stale = stale.select_for_update(no_key=True, skip_locked=connection.features.has_select_for_update_skip_locked)
    rows = stale.values_list("pk", "stale_cause", "stale_detail", "stale_author_id")[:limit]
    return {key: Why(Cause(cause), detail, author) for key, cause, detail, author in rows}


def templates_of(
    configs: Sequence[Config], known: Mapping[uuid.UUID, list[Template]]
) -> dict[uuid.UUID, list[Template]]:
    """Return the templates of each configuration from first to last, leaving out those of another backend."""
    backends = {config.pk: config.backend for config in configs}
    result: dict[uuid.UUID, list[Template]] = {
        key: [template for template in known.get(key, ()) if template.backend == backend]
        for key, backend in backends.items()
    }
    unknown = [key for key in backends if key not in known]
    if not unknown:
        return result
    links = Config.templates.through.objects.filter(config_id__in=unknown)
    order = list(links.order_by("config_id", "sort_value", "id").values_list("config_id", "template_id"))
    templates = Template.objects.in_bulk({template for _, template in order}) if order else {}
    for config, template in order:
        if templates[template].backend == backends[config]:
            result[config].append(templates[template])
    return result


def compile_configs(
    reasons: Mapping[uuid.UUID, Why], assigned: Mapping[uuid.UUID, list[Template]] | None = None
) -> list[Outcome]:
    """Compile, store and release configurations; must run in a transaction that holds locks on them.

    A configuration that cannot be rendered gets the status "error" and keeps its last good revision; the others are
    not affected. An edited template that still has to be announced stays marked, unless it is the reason.

    Args:
        reasons: primary keys of the configurations, each with the reason that its new revision will carry.
        assigned: templates given to those of them that were created in this transaction, which need not be read again.
    """
    assigned = assigned or {}
    configs = load(reasons, new=assigned.keys() >= reasons.keys())
    configs, postponed = _postpone_waiting(configs, reasons)
    templates = templates_of(configs, assigned)
    extra = context.provided(configs)
    stacks = Stacks()
    outcomes = [
        _compile(config, templates[config.pk], extra.get(config.pk, ()), stacks, reasons[config.pk])
        for config in configs
    ]
    fresh: list[tuple[Outcome, Revision]] = []
    for outcome, archive in outcomes:
        if archive is not None:
            why = reasons[outcome.config.pk]
            fresh.append((outcome, _revision(outcome.config, archive, why)))
    Revision.objects.bulk_create([revision for _, revision in fresh])
    for outcome, revision in fresh:
        outcome.config.compiled = revision
        _release(outcome, revision.checksum)
    for outcome, _ in outcomes:
        config = outcome.config
        if config.stale_cause != Cause.TEMPLATE or reasons[config.pk].cause == Cause.TEMPLATE:
            config.stale_since, config.stale_cause, config.stale_detail, config.stale_author_id = None, "", "", None
    update_many(Config, _COLUMNS, [[getattr(o.config, name) for name in _COLUMNS] for o, _ in outcomes])
    return [outcome for outcome, _ in outcomes] + postponed


def _postpone_waiting(configs: list[Loaded], reasons: Mapping[uuid.UUID, Why]) -> tuple[list[Loaded], list[Outcome]]:
    """Mark configurations that lack a key which is still being made; return the others, and what became of these."""
    known = clients.of_configs(configs)
    waiting = [c for c in configs if any(map(credentials.is_waiting, known.get(c.pk, ())))]
    if not waiting:
        return configs, []
    for config in waiting:
        why = reasons[config.pk]
        Config.mark_stale(Config.objects.filter(pk=config.pk), why.cause, why.detail)
    postponed = [Outcome(config, previous_status=config.status, postponed=True) for config in waiting]
    return [config for config in configs if config not in waiting], postponed


def release_held(config_id: uuid.UUID, revision: Revision) -> Outcome:
    """Release a revision that was compiled earlier and hold the configuration there; must run in a transaction."""
    (config,) = load([config_id])
    outcome = Outcome(config, previous_status=config.status)
    outcome.released = config.released_checksum != revision.checksum
    config.released = revision
    config.release_policy = Config.Release.HELD
    if outcome.released:
        config.status, config.error_reason = _status_of_release(config, revision.checksum), ""
    columns = ("id", "status", "error_reason", "released_id", "release_policy")
    update_many(Config, columns, [[getattr(config, name) for name in columns]])
    return outcome


def check(config: Config, templates: Sequence[Template]) -> rendering.RenderingError | None:
    """Return why a configuration, perhaps unsaved, does not render with ``templates``; None when it does."""
    templates = [template for template in templates if template.backend == config.backend]
    variables = context.merge(context.layers(config, templates, context.provided_with(config, templates)))
    for template in templates:
        if template.vpn is not None:
            variables = {**examples(template.vpn), **variables}
    try:
        stack = rendering.Stack(
            config.backend, [template.config for template in templates], dsa=uses_dsa(config.device.os)
        )
        stack.validate(_own_config(config, stack), variables)
    except rendering.RenderingError as error:
        return error
    return None


def render_text(config: Config, templates: Sequence[Template]) -> str:
    """Return the native configuration as one text, extra files included.

    Args:
        config: may be unsaved.
        templates: its templates, from first to last; those of another backend are left out.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    templates = [template for template in templates if template.backend == config.backend]
    variables = context.merge(context.layers(config, templates, context.provided_with(config, templates)))
    stack = Stacks().get(config.backend, templates, uses_dsa(config.device.os))
    return stack.text(_own_config(config, stack), variables)


def _compile(
    config: Loaded, templates: Sequence[Template], extra: Sequence[context.Layer], stacks: Stacks, why: Why
) -> tuple[Outcome, rendering.Archive | None]:
    """Render one configuration; return the archive only when it differs from the last compiled one."""
    outcome = Outcome(config, previous_status=config.status)
    if config.device.is_deactivated():
        config.config, templates = {}, ()
    missing = clients.missing_address(config)
    if missing:
        _fail(outcome, missing)
        return outcome, None
    try:
        variables = context.merge(context.layers(config, templates, extra))
        stack = stacks.get(config.backend, templates, uses_dsa(config.device.os))
        archive = stack.render(_own_config(config, stack), variables)
    except rendering.RenderingError as error:
        _fail(outcome, _explain(config, templates, variables) or error.message)
        return outcome, None
    except Exception as error:  # one broken configuration must not stop the others
        logger.exception("Compiling configuration %s failed unexpectedly", config.pk)
        _fail(outcome, f"Unexpected error: {error!r}")
        return outcome, None
    if config.compile_error:
        config.compile_error = ""
        if config.status == Status.ERROR:
            config.status, config.error_reason = _status_of_release(config, config.released_checksum), ""
    if config.compiled_checksum != archive.checksum:
        return outcome, archive
    if config.released_id != config.compiled_id:
        _release(outcome, archive.checksum)  # the hold was lifted
    elif why.cause == Cause.DEACTIVATED and config.status == Status.DEACTIVATING:
        config.status = Status.DEACTIVATED  # the device has nothing to remove
    return outcome, None


def _own_config(config: Config, stack: rendering.Stack) -> dict[str, Any]:
    """Return the device's own NetJSON, with the hostname following the name unless somebody chose another one."""
    own: dict[str, Any] = config.config or {}
    for source in (own, stack.base):
        general = source.get("general")
        if general is not None and (not isinstance(general, dict) or "hostname" in general):
            return own
    return {**own, "general": {**own.get("general", {}), "hostname": config.device.name.replace(":", "-")}}


def _explain(config: Config, templates: Sequence[Template], variables: Mapping[str, Any]) -> str:
    """Return which template, or the configuration itself, is to blame and why; empty when that cannot be told."""
    named = [(template.name, template.config) for template in templates]
    try:
        blame = rendering.explain(
            config.backend,
            [*named, (config.device.name, config.config)],
            variables,
            dsa=uses_dsa(config.device.os),
        )
    except Exception:  # the error to be explained is at hand, and more important
        logger.exception("Explaining the error of configuration %s failed", config.pk)
        return ""
    return blame.message if blame else ""


def _fail(outcome: Outcome, message: str) -> None:
    config = outcome.config
    outcome.error = config.compile_error = storable(message)
    if config.release_policy == Config.Release.AUTOMATIC and not config.is_deactivating_or_deactivated():
        config.status, config.error_reason = Status.ERROR, shorten_reason(config.compile_error)


def _revision(config: Config, archive: rendering.Archive, why: Why) -> Revision:
    return Revision(
        config=config,
        cause=why.cause,
        detail=why.detail[:255],
        author_id=why.author,
        checksum=archive.checksum,
        archive=archive.data,
    )


def _release(outcome: Outcome, checksum: str) -> None:
    """Make the compiled revision, which has this checksum, available to the device, unless its release is held."""
    config = cast(Loaded, outcome.config)
    if config.release_policy == Config.Release.HELD and config.released_id is not None:
        return
    if Config._meta.get_field("compiled").is_cached(config):
        config.released = config.compiled
    else:
        config.released_id = config.compiled_id
    outcome.released = config.released_checksum != checksum
    if outcome.released and not config.is_deactivating_or_deactivated():
        config.status, config.error_reason = _status_of_release(config, checksum), ""


def _status_of_release(config: Loaded, checksum: str | None) -> Status:
    """Return "applied" when the device provably runs just that, which happens when a change is taken back.

    A device that never downloaded from here is believed, as in its reports.
    """
    proven = config.applied_checksum is not None and config.applied_checksum == checksum
    return Status.APPLIED if proven and config.downloaded_checksum in (None, checksum) else Status.MODIFIED
