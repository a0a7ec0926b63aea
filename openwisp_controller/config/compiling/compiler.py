"""From stale configurations to revisions, in bulk.

``compile_configs`` is the one place where a configuration is compiled, stored and released, for a single edited device
as well as for the thousands that an edited template touches.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ... import rendering
from ...common import claims
from ...common.sql import insert_many, update_many
from ..models import Cause, Config, Revision, Template
from ..models.config import shorten_reason, storable
from ..models.interface import Layers
from ..vpn.reading import clients as vpn_clients
from ..vpn.reading.variables import examples
from .dsa import uses_dsa
from .inputs import Inputs, gather, of_one
from .loading import Loaded, load
from .outcome import Outcome, Why
from .release import release, status_of

logger = logging.getLogger(__name__)
Status = Config.Status
_COLUMNS = (
    "id", "status", "error_reason", "compile_error", "undefined_variables", "compiled_id", "released_id",
    "stale_since", "stale_cause", "stale_detail", "stale_author_id",
)  # fmt: skip


class Stacks:
    """Templates merged once for all devices that have the same ones."""

    def __init__(self) -> None:
        self._stacks: dict[tuple[Any, ...], rendering.Stack] = {}

    def get(self, backend: str, templates: Sequence[Template], dsa: bool) -> rendering.Stack:
        """Return the stack of these templates (from first to last)."""
        key = (backend, dsa, *(template.pk for template in templates))
        stack = self._stacks.get(key)
        if stack is None:
            stack = rendering.stack_of(backend, [template.config for template in templates], dsa=dsa)
            self._stacks[key] = stack
        return stack


def claim_stale(limit: int) -> dict[uuid.UUID, Why]:
    """Lock up to ``limit`` stale configurations that no other worker holds; return why each is stale."""
    stale = Config.objects.filter(~vpn_clients.waiting_configs(), stale_since__isnull=False).order_by(
        "stale_since", "pk"
    )
    rows = claims.lock(stale, no_key=True).values_list("pk", "stale_cause", "stale_detail", "stale_author_id")[:limit]
    return {key: Why(Cause(cause), detail, author) for key, cause, detail, author in rows}


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
    clients = vpn_clients.clients_of_configs(configs)
    configs, postponed = _postpone_waiting(configs, clients, reasons)
    inputs = gather(configs, clients, assigned=assigned)
    stacks = Stacks()
    outcomes = [_compile(config, inputs[config.pk], stacks, reasons[config.pk]) for config in configs]
    fresh: list[tuple[Outcome, Revision]] = []
    for outcome, archive in outcomes:
        if archive is not None:
            why = reasons[outcome.config.pk]
            fresh.append((outcome, _revision(outcome.config, archive, why)))
    insert_many([revision for _, revision in fresh])
    for outcome, revision in fresh:
        config = outcome.config
        given = config.status, config.error_reason
        config.compiled = revision
        release(outcome, revision.checksum)
        if config.pk in assigned and not config.compile_error:
            config.status, config.error_reason = given  # what it was created with
    for outcome, _ in outcomes:
        config = outcome.config
        if config.stale_cause != Cause.TEMPLATE or reasons[config.pk].cause == Cause.TEMPLATE:
            config.stale_since, config.stale_cause, config.stale_detail, config.stale_author_id = None, "", "", None
    update_many(Config, _COLUMNS, [[getattr(o.config, name) for name in _COLUMNS] for o, _ in outcomes])
    return [outcome for outcome, _ in outcomes] + postponed


def _postpone_waiting(
    configs: list[Loaded], clients: vpn_clients.Clients, reasons: Mapping[uuid.UUID, Why]
) -> tuple[list[Loaded], list[Outcome]]:
    """Mark configurations that lack a key which is still being made; return the others, and what became of these."""
    waiting = [config for config in configs if any(map(vpn_clients.is_waiting, clients[config.pk]))]
    if not waiting:
        return configs, []
    for config in waiting:
        why = reasons[config.pk]
        Config.mark_stale(Config.objects.filter(pk=config.pk), why.cause, why.detail)
    postponed = [Outcome(config, previous_status=config.status, postponed=True) for config in waiting]
    return [config for config in configs if config not in waiting], postponed


def check(config: Config, templates: Sequence[Template]) -> rendering.RenderingError | None:
    """Return why a configuration, perhaps unsaved, does not render with ``templates``; None when it does."""
    inputs = of_one(config, templates)
    templates, variables = inputs.templates, inputs.variables()
    for template in templates:
        if template.vpn is not None:
            variables = {**examples(template.vpn), **variables}
    try:
        stack = rendering.stack_of(
            config.backend, [template.config for template in templates], dsa=uses_dsa(config.device.os)
        )
        stack.validate(_own_config(config, stack), variables)
    except rendering.UnreadableConfiguration as error:
        explained = _explain(config, templates, variables)
        return rendering.RenderingError(explained) if explained else error
    except rendering.RenderingError as error:
        blame = _blame(config, templates, variables) if templates else None
        if blame is None or blame.layer == config.device.name:
            return error
        return rendering.RenderingError(f"{error.message}\n\n{blame.message}")
    return None


def undefined_variables(
    config: Config, templates: Sequence[Template], variables: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the names that a configuration uses and nobody defines, sorted; empty when it cannot be put together.

    Args:
        config: may be unsaved.
        templates: its templates, from first to last; those of another backend are left out.
        variables: of the device, where they are known.
    """
    templates = [template for template in templates if template.backend == config.backend]
    if variables is None:
        variables = of_one(config, templates).variables()
    try:
        stack = rendering.stack_of(config.backend, [template.config for template in templates])
        return stack.undefined(_own_config(config, stack), variables)
    except rendering.RenderingError:
        return []


def render_text(config: Config, templates: Sequence[Template]) -> str:
    """Return the native configuration as one text, extra files included.

    Args:
        config: may be unsaved.
        templates: its templates, from first to last; those of another backend are left out.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    inputs = of_one(config, templates)
    stack = Stacks().get(config.backend, inputs.templates, uses_dsa(config.device.os))
    return stack.text(_own_config(config, stack), inputs.variables())


def render(inputs: Inputs, stacks: Stacks, variables: Mapping[str, Any]) -> rendering.Archive:
    """Return the archive that a configuration compiles to.

    Args:
        inputs: of the configuration.
        stacks: shared by all that are rendered together.
        variables: of the device.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    config = inputs.config
    stack = stacks.get(config.backend, inputs.templates, uses_dsa(config.device.os))
    return stack.render(_own_config(config, stack), variables)


def archive(config: Config, templates: Sequence[Template]) -> rendering.Archive:
    """Return the archive that a configuration, perhaps unsaved, would compile to; takes what ``render_text`` takes.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    inputs = of_one(config, templates)
    return render(inputs, Stacks(), inputs.variables())


def layers_of(config: Config, templates: Sequence[Template]) -> Layers:
    """Return what a configuration is put together from: its own NetJSON, that of its templates, the variables.

    Args:
        config: may be unsaved.
        templates: its templates, from first to last; those of another backend are left out.
    """
    inputs = of_one(config, templates)
    stack = Stacks().get(config.backend, inputs.templates, uses_dsa(config.device.os))
    return _own_config(config, stack), [each.config for each in inputs.templates], inputs.variables()


def explain(inputs: Inputs) -> str:
    """Return which template, or the configuration itself, is to blame and why; empty when that cannot be told."""
    return _explain(inputs.config, inputs.templates, inputs.variables())


def _compile(config: Loaded, inputs: Inputs, stacks: Stacks, why: Why) -> tuple[Outcome, rendering.Archive | None]:
    """Render one configuration; return the archive only when it differs from the last compiled one."""
    outcome = Outcome(config, previous_status=config.status)
    if config.device.is_deactivated():
        config.config, inputs = {}, replace(inputs, templates=())
    templates = inputs.templates
    missing = vpn_clients.missing_address(inputs.clients) or vpn_clients.unreadable_key(inputs.clients)
    if missing:
        _fail(outcome, missing)
        return outcome, None
    try:
        variables = inputs.variables()
        archive = render(inputs, stacks, variables)
    except rendering.RenderingError as error:
        config.undefined_variables = undefined_variables(config, templates, variables)
        _fail(outcome, _explain(config, templates, variables) or error.message)
        return outcome, None
    except Exception as error:  # one broken configuration must not stop the others
        logger.exception("Compiling configuration %s failed unexpectedly", config.pk)
        _fail(outcome, f"Unexpected error: {error!r}")
        return outcome, None
    config.undefined_variables = list(archive.undefined)
    if config.compile_error:
        config.compile_error = ""
        if config.status == Status.ERROR:
            config.status, config.error_reason = status_of(config, config.released_checksum), ""
    if config.compiled_checksum != archive.checksum:
        return outcome, archive
    if config.released_id != config.compiled_id:
        release(outcome, archive.checksum)  # the hold was lifted
    elif why.cause == Cause.DEACTIVATED and config.status == Status.DEACTIVATING:
        config.status = Status.DEACTIVATED  # the device has nothing to remove
    return outcome, None


def _own_config(config: Config, stack: rendering.Stack) -> dict[str, Any]:
    """Return the device's own NetJSON, with the hostname following the name unless somebody chose another one."""
    own: dict[str, Any] = config.config or {}
    key = "general!" if "general!" in own else "general"
    for source in (own,) if key != "general" else (own, stack.base):
        general = source.get(key)
        if general is not None and (not isinstance(general, dict) or "hostname" in general):
            return own
    return {**own, key: {**own.get(key, {}), "hostname": config.device.name.replace(":", "-")}}


def _explain(config: Config, templates: Sequence[Template], variables: Mapping[str, Any]) -> str:
    """Return which template, or the configuration itself, is to blame and why; empty when that cannot be told."""
    blame = _blame(config, templates, variables)
    return blame.message if blame else ""


def _blame(config: Config, templates: Sequence[Template], variables: Mapping[str, Any]) -> rendering.Blame | None:
    named = [(template.name, template.config) for template in templates]
    dsa = uses_dsa(config.device.os)
    try:
        own = _own_config(config, rendering.Stack(config.backend, [layer for _, layer in named], dsa=dsa))
    except rendering.RenderingError:  # the templates alone are at fault
        own = config.config
    try:
        return rendering.explain(config.backend, [*named, (config.device.name, own)], variables, dsa=dsa)
    except Exception:  # the error to be explained is at hand, and more important
        logger.exception("Explaining the error of configuration %s failed", config.pk)
        return None


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
