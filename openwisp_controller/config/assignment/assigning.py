"""Giving configurations other templates, many at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence

from ..compiling.compilation import Compilation
from ..models import Config, Template
from ..models.ordered import replace_lists
from ..unit_of_work import UnitOfWork, unit_of_work
from ..vpn.clients import ClientsToReconcile
from . import rules

Links = Config.templates.through
#: Takes a configuration and its templates in order, returns the templates it shall have, in order.
Rule = Callable[[Config, list[uuid.UUID]], list[uuid.UUID]]


def reassign(configs: Sequence[Config], rule: Rule, *, detail: str = "") -> None:
    """Give each configuration the templates that ``rule`` says, with a constant number of statements.

    Announces the change of each relation with ``m2m_changed`` and reports it to the current unit of work.

    Args:
        configs: with their devices.
        rule: says which templates each of them shall have.
        detail: why, in words.
    """
    with unit_of_work() as unit:
        unit.lock(Config, [config.pk for config in configs])
        for config in _apply(unit, configs, rule):
            unit.happened(config, "templates edited", detail=detail)


def assign_initially(config: Config, templates: Sequence[Template]) -> None:
    """Give a configuration that has no templates its first ones; reporting the change is up to the caller."""
    if not templates:
        return
    with unit_of_work() as unit:
        _store(unit, [config], {config.pk: []}, {config.pk: [template.pk for template in templates]})
        if any(template.type == Template.Type.VPN for template in templates):
            unit.of(ClientsToReconcile).add(config.pk)


def put_back(config: Config, templates: Sequence[Template]) -> None:
    """Give a configuration whose list was cleared templates that it must have, and let nothing follow from that."""
    if templates:
        with unit_of_work() as unit:
            _store(unit, [config], {config.pk: []}, {config.pk: [template.pk for template in templates]})


def _apply(unit: UnitOfWork, configs: Sequence[Config], rule: Rule) -> list[Config]:
    links: dict[uuid.UUID, list[uuid.UUID]] = {config.pk: [] for config in configs}
    rows = Links.objects.filter(config_id__in=list(links)).order_by("config_id", "sort_value", "id")
    for config_id, template_id in rows.values_list("config_id", "template_id"):
        links[config_id].append(template_id)
    wanted = {config.pk: list(dict.fromkeys(rule(config, list(links[config.pk])))) for config in configs}
    _drop_rivals(links, wanted)
    changed = [config for config in configs if wanted[config.pk] != links[config.pk]]
    if changed:
        _store(unit, changed, links, wanted)
    return changed


def _drop_rivals(before: Mapping[uuid.UUID, list[uuid.UUID]], wanted: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """Keep one template for each VPN server: a required one, else the one that was there, else the first."""
    added = {template for config, keys in wanted.items() for template in keys if template not in before[config]}
    if not added:
        return
    servers = Template.objects.filter(pk__in=added, vpn__isnull=False).values("vpn")
    clients_of = {each.pk: each for each in Template.objects.filter(vpn__in=servers).only("vpn", "required")}
    for config, keys in wanted.items():
        rivals = [clients_of[key] for key in keys if key in clients_of]
        rivals.sort(key=lambda each: (not each.required, each.pk not in before[config]))
        dropped = {each.pk for each in rivals} - {each.pk for each in rules.one_per_server(rivals)}
        if dropped:
            wanted[config] = [key for key in keys if key not in dropped]


def _store(
    unit: UnitOfWork,
    configs: Sequence[Config],
    before: Mapping[uuid.UUID, list[uuid.UUID]],
    after: Mapping[uuid.UUID, list[uuid.UUID]],
) -> None:
    unit.of(Compilation).forget_templates([config.pk for config in configs])
    replace_lists(unit, Links, configs, before, after)
