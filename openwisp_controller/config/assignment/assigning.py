"""Which templates a configuration has: the rules, and changing them for many devices at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import signals
from django.utils.translation import gettext_lazy as _

from ...common.prepared import Parameter, Prepared
from ...common.sql import delete_rows
from ..models import Cause, Config, Device, DeviceGroup, Template
from ..unit_of_work import batch
from ..vpn import clients

Links = Config.templates.through
#: Takes a configuration and its templates in order, returns the templates it shall have, in order.
Rule = Callable[[Config, list[uuid.UUID]], list[uuid.UUID]]


def automatic_templates(organization_id: uuid.UUID, backend: str) -> list[Template]:
    """Return the default and required templates of a new configuration: required first, then by name."""
    return _automatic(organization=organization_id, backend=backend)


_automatic = Prepared[Template](
    lambda: Template.objects.usable_by(
        Parameter("organization", Template, "organization"), Parameter("backend", Template, "backend")
    ).automatic()
)


def group_templates(group: DeviceGroup | None, backend: str) -> list[Template]:
    """Return the templates of a group that suit a backend, in the group's order."""
    if group is None:
        return []
    return [template for template in group.templates.all() if template.backend == backend]


def initial_templates(config: Config) -> list[Template]:
    """Return what a new (or re-activated) configuration gets: automatic templates, then those of its group."""
    device = config.device
    templates = automatic_templates(device.organization_id, config.backend)
    present = {template.pk for template in templates}
    templates += [t for t in group_templates(device.group, config.backend) if t.pk not in present]
    return _one_per_server(templates)


def check_organizations(config: Config, templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming the templates that belong to another organization than the device."""
    check_owners(templates, config.device.organization_id)


def check_owners(templates: Iterable[Template], organization: uuid.UUID | None) -> None:
    """Raise ``ValidationError`` naming the templates that are neither shared nor of ``organization``."""
    foreign = [t.name for t in templates if t.organization_id not in (None, organization)]
    if foreign:
        raise ValidationError(
            _(
                "The following templates are owned by organizations which do not match the organization"
                " of this configuration: {}"
            ).format(", ".join(foreign))
        )


def check_group(group: DeviceGroup, templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming the templates that belong to another organization than the group."""
    foreign = [t.name for t in templates if t.organization_id not in (None, group.organization_id)]
    if foreign:
        raise ValidationError(_("These templates belong to another organization: {}").format(", ".join(foreign)))


def check_backends(config: Config, templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming the templates that are made for another backend."""
    others = [template.name for template in templates if template.backend != config.backend]
    if others:
        raise ValidationError(
            _("The following templates are made for another backend than this configuration: {}").format(
                ", ".join(others)
            )
        )


def check_vpn_servers(templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming templates of the same VPN server: a device is its client once."""
    by_server: dict[str, list[str]] = {}
    for template in templates:
        if template.vpn is not None:
            by_server.setdefault(template.vpn.name, []).append(f'"{template.name}"')
    lines = []
    for server, names in sorted(by_server.items()):
        if len(names) > 1:
            *others, last = sorted(names)
            text = _('The templates {} are all linked to the same VPN server: "{}".')
            lines.append(text.format(f"{', '.join(others)} and {last}", server))
    if lines:
        first_line = _("You cannot select multiple VPN client templates related to the same VPN server.")
        raise ValidationError("\n".join([str(first_line), *lines]))


def _one_per_server(templates: Iterable[Template]) -> list[Template]:
    """Leave out templates of a VPN server of which one before makes the device a client already."""
    servers: set[uuid.UUID] = set()
    result = []
    for template in templates:
        if template.vpn_id is None or template.vpn_id not in servers:
            result.append(template)
        if template.vpn_id is not None:
            servers.add(template.vpn_id)
    return result


def check_assignable(config: Config, present: Sequence[Template], added: Sequence[Template]) -> None:
    """Raise ``ValidationError`` unless ``added`` may be appended to the templates of a configuration.

    Args:
        config: with its device.
        present: templates it has, in order.
        added: templates it shall get besides.
    """
    check_organizations(config, added)
    check_backends(config, added)
    check_vpn_servers([*present, *added])
    if config.device.is_deactivated():
        return
    from ..compiling.compiler import check

    exhausted = clients.check_free_address(config, added)
    if exhausted is not None:
        raise ValidationError(_("The subnet %s has no free address left for this device.") % exhausted.subnet)
    error = check(config, [*present, *added])
    if error is not None and check(config, present) is None:
        raise ValidationError(_("There is a conflict with the specified templates. {}").format(error.message))


def required_first(present: list[uuid.UUID], required: Collection[uuid.UUID], added: uuid.UUID) -> list[uuid.UUID]:
    """Insert a template that became required behind the required ones that stand at the front."""
    position = 0
    while position < len(present) and present[position] in required:
        position += 1
    return [*present[:position], added, *present[position:]]


def with_automatic(present: list[uuid.UUID], automatic: Sequence[Template]) -> list[uuid.UUID]:
    """Add the automatic templates that are missing, each where a new configuration would have it."""
    leading: set[uuid.UUID] = set()
    for template in automatic:
        leading.add(template.pk)
        if template.pk not in present:
            present = required_first(present, leading, template.pk)
    return present


def reassign(configs: Sequence[Config], rule: Rule, *, detail: str = "") -> None:
    """Give each configuration the templates that ``rule`` says, with a constant number of statements.

    Announces the change of each relation with ``m2m_changed`` and records it in the current batch.
    """
    with batch() as current:
        current.lock(config.pk for config in configs)
        changed = _apply(configs, rule)
        for config in changed:
            current.compile(config, Cause.TEMPLATES, detail)
            current.vpn_clients_follow(config.pk)


def _apply(configs: Sequence[Config], rule: Rule) -> list[Config]:
    links: dict[uuid.UUID, list[uuid.UUID]] = {config.pk: [] for config in configs}
    rows = Links.objects.filter(config_id__in=list(links)).order_by("config_id", "sort_value", "id")
    for config_id, template_id in rows.values_list("config_id", "template_id"):
        links[config_id].append(template_id)
    wanted = {config.pk: list(dict.fromkeys(rule(config, list(links[config.pk])))) for config in configs}
    _drop_rivals(links, wanted)
    changed = [config for config in configs if wanted[config.pk] != links[config.pk]]
    if changed:
        _store(changed, links, wanted)
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
        dropped = {each.pk for each in rivals} - {each.pk for each in _one_per_server(rivals)}
        if dropped:
            wanted[config] = [key for key in keys if key not in dropped]


def assign_initially(config: Config, templates: Sequence[Template]) -> None:
    """Give a configuration that has no templates its first ones; recording the change is up to the caller."""
    if templates:
        _store([config], {config.pk: []}, {config.pk: [template.pk for template in templates]})
        if any(template.type == Template.Type.VPN for template in templates):
            with batch() as current:
                current.vpn_clients_follow(config.pk)


def _store(
    configs: Sequence[Config],
    before: Mapping[uuid.UUID, list[uuid.UUID]],
    after: Mapping[uuid.UUID, list[uuid.UUID]],
) -> None:
    with batch() as current, current.own_edits(configs):
        current.templates_edited(config.pk for config in configs)
        _send("pre", configs, before, after)
        replaced = [config.pk for config in configs if before[config.pk]]
        if replaced:
            delete_rows(Links.objects.filter(config_id__in=replaced))
        Links.objects.bulk_create(
            Links(config_id=config.pk, template_id=template, sort_value=position)
            for config in configs
            for position, template in enumerate(after[config.pk], 1)
        )
        _send("post", configs, before, after)
    for config in configs:
        getattr(config, "_prefetched_objects_cache", {}).pop("templates", None)


def _send(
    when: str,
    configs: Sequence[Config],
    before: Mapping[uuid.UUID, list[uuid.UUID]],
    after: Mapping[uuid.UUID, list[uuid.UUID]],
) -> None:
    for config in configs:
        old, new = set(before[config.pk]), set(after[config.pk])
        for action, keys in (("remove", old - new), ("add", new - old)):
            if keys:
                signals.m2m_changed.send(
                    sender=Links,
                    action=f"{when}_{action}",
                    instance=config,
                    reverse=False,
                    model=Template,
                    pk_set=keys,
                    using=config._state.db,
                )


def on_config_templates(
    action: str, instance: Any, reverse: bool, pk_set: set[uuid.UUID] | None, **kwargs: Any
) -> None:
    """Receive ``m2m_changed`` of the templates of configurations: enforce the rules, record what changed."""
    with batch() as current:
        if instance.pk in current.own or (pk_set is not None and not pk_set):
            return
        current.templates_edited(pk_set if reverse else [instance.pk])
        if action == "pre_clear" and reverse:
            _before_clearing_users(instance)
            return
        configs = Config.objects.select_related("device").filter(pk__in=pk_set or ()) if reverse else [instance]
        for config in configs:
            templates = [instance] if reverse else Template.objects.filter(pk__in=pk_set or ())
            _RECEIVERS.get(action, _ignore)(config, templates)


def _before_adding(config: Config, templates: Iterable[Template]) -> None:
    with batch() as current:
        added = current.in_order_of_addition(config, templates)
        if any(template.organization_id is not None for template in added):
            # while we waited for the lock, the device may have moved
            row = Device.objects.filter(pk=config.device_id).values_list("organization_id", flat=True)
            check_owners(added, row.first())
        check_assignable(config, config.ordered_templates(), added)


def _before_removing(config: Config, templates: Iterable[Template]) -> None:
    if config.is_deactivating_or_deactivated():
        return
    if any(template.required and template.backend == config.backend for template in templates):
        raise PermissionDenied(_("Required templates cannot be removed from the configuration"))


def _after_editing(config: Config, templates: Iterable[Template]) -> None:
    with batch() as current:
        current.compile(config, Cause.TEMPLATES)
        current.vpn_clients_follow(config.pk)


def _after_clearing(config: Config, templates: Iterable[Template]) -> None:
    """Put required templates back; ``clear()`` alone announces nothing and is compiled in the background."""
    with batch() as current:
        if not config.is_deactivating_or_deactivated():
            usable = Template.objects.usable_by(config.device.organization_id, config.backend)
            assign_initially(config, _one_per_server(usable.filter(required=True).order_by("name")))
        current.vpn_clients_follow(config.pk)
        if current.is_set(config):
            current.compile(config, Cause.TEMPLATES)
        else:
            current.stale(Config.objects.filter(pk=config.pk), Cause.CLEARED)


def _before_clearing_users(template: Template) -> None:
    """Refuse to take a required template from those that have it; else they are compiled in the background."""
    users = template.config_relations.all()
    for config in users.filter(backend=template.backend) if template.required else ():
        _before_removing(config, [template])
    with batch() as current:
        current.stale(users, Cause.CLEARED)


def _ignore(config: Config, templates: Iterable[Template]) -> None:
    pass


_RECEIVERS: dict[str, Callable[[Config, Iterable[Template]], None]] = {
    "pre_add": _before_adding,
    "post_add": _after_editing,
    "pre_remove": _before_removing,
    "post_remove": _after_editing,
    "post_clear": _after_clearing,
}


def on_group_templates(action: str, instance: Any, reverse: bool, pk_set: set[uuid.UUID] | None, **kwargs: Any) -> None:
    """Receive ``m2m_changed`` of the templates of groups: remember the list as it was before the first edit."""
    if not action.startswith("pre_"):
        return
    with batch() as current:
        if reverse:
            keys = pk_set if pk_set is not None else instance.device_group_relations.values_list("pk", flat=True)
            groups = list(DeviceGroup.objects.filter(pk__in=keys))
        else:
            groups = [instance]
        for group in groups:
            if action == "pre_add":
                check_group(group, [instance] if reverse else Template.objects.filter(pk__in=pk_set or ()))
            current.group_templates_change(group)
