"""What a change means: the page to read to know the whole system.

Every row says: when these fields of that model change, this signal is sent with these arguments, and these
configurations have to be compiled again, either *now* (in the transaction of the change, for one device) or in the
*background* (marked stale in that transaction, compiled after it). Edits of lists of templates come after the table.

Compiling in turn sends ``config_modified`` when the released configuration differs, and ``config_status_changed`` when
the status does (see ``announcements.py``); with the cause ``TEMPLATE`` the former is sent in any case.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.apps import apps
from django.db.models import Model, QuerySet
from django.dispatch import Signal
from openwisp_users.models import Organization

from ...common.wakeup import wake
from ...pki.models import Ca, Cert
from .. import signals
from ..delivery import jobs
from ..delivery.outbox import Rank
from ..devices import lifecycle
from ..models import Cause, Config, Device, DeviceGroup, Job, OrganizationConfigSettings, Template, Vpn, VpnClient
from ..models.observed import Observed
from ..unit_of_work import Batch, batch
from ..vpn import clients, peers, provisioning, servers, webhook, zerotier

When = Literal["now", "background"]
#: Takes the batch, the saved instance and the replaced values.
Step = Callable[[Batch, Any, dict[str, Any]], None]


@dataclass(frozen=True)
class Change:
    """One row: an observed change and what follows from it."""

    what: str
    model: type[Model]
    fields: tuple[str, ...]
    """Any of them replaced makes the row apply; none = the row applies to the creation."""
    signal: Signal | None = None
    arguments: Callable[[Any, dict[str, Any]], dict[str, Any]] = lambda instance, before: {}
    rank: Rank = Rank.NAME
    cause: Cause | None = None
    when: When = "now"
    configs: Callable[[Any], QuerySet[Config]] | None = None
    """For the background: which configurations; for now it is the device's own one."""
    only: Callable[[Any, dict[str, Any]], bool] = lambda instance, before: True
    """Given the instance and the replaced values, whether the row applies after all."""
    also: Step | None = None


def _of_group(group: DeviceGroup) -> QuerySet[Config]:
    return _active().filter(device__group=group)


def _of_organization(settings: OrganizationConfigSettings) -> QuerySet[Config]:
    return _active().filter(device__organization=settings.organization_id)


def _of_template(template: Template) -> QuerySet[Config]:
    return _active().filter(templates=template)


def _of_vpn(vpn: Vpn) -> QuerySet[Config]:
    return _active().filter(vpnclient__vpn=vpn)


def _active() -> QuerySet[Config]:
    return Config.objects.filter(device___is_deactivated=False)


def _template_content(batch: Batch, template: Template, before: dict[str, Any]) -> None:
    """Tell an edit that changes what the template renders to from one that may matter together with other parts."""
    earlier = Template(
        backend=before.get("backend", template.backend),
        config=before.get("config", template.config),
        default_values=before.get("default_values", template.default_values),
    )
    content = template.content()
    same = content is not None and content == earlier.content()
    cause = Cause.TEMPLATE_DEFAULTS if same else Cause.TEMPLATE
    _mark(batch, template, _of_template(template), cause, f'template "{template.name}"')


def _template_automatic(batch: Batch, template: Template, before: dict[str, Any]) -> None:
    if template.default or template.required:
        jobs.hand_out(Job.Kind.AUTOMATIC_TEMPLATE, template.pk)


def _template_of_vpn(batch: Batch, template: Template, before: dict[str, Any]) -> None:
    jobs.enqueue(Job.Kind.VPN_TEMPLATE, template.pk)


def _vpn_created(batch: Batch, vpn: Vpn, before: dict[str, Any]) -> None:
    servers.mark_stale([vpn.pk])
    zerotier.server_created(vpn)


def _vpn_edited(batch: Batch, vpn: Vpn, before: dict[str, Any]) -> None:
    servers.mark_stale([vpn.pk])
    if "ca_id" in before:
        clients.issue_again(vpn)
    if "subnet_id" in before and vpn.subnet_id is not None:
        for template in vpn.template_set.values_list("pk", flat=True):
            jobs.enqueue(Job.Kind.VPN_TEMPLATE, template)
    zerotier.server_changed(vpn, network_is_new="network_id" in before)


def _vpn_webhook(batch: Batch, vpn: Vpn, before: dict[str, Any]) -> None:
    webhook.schedule(vpn)


def _client_created(batch: Batch, client: VpnClient, before: dict[str, Any]) -> None:
    clients.after_creating([client])


def _client_changed(batch: Batch, client: VpnClient, before: dict[str, Any]) -> None:
    if client.auto_cert:
        zerotier.member_changed(client)
    if before.keys() & {"ip_id", "public_key", "vni", "auto_cert"}:
        peers.changed([client.vpn])


def _only_name_of_network(vpn: Vpn, before: dict[str, Any]) -> bool:
    return vpn.family.zerotier and not before.keys() & set(_VPN_FIELDS)


_VPN_FIELDS = (
    "config", "host", "ca_id", "cert_id", "key", "backend", "subnet_id", "ip_id", "dh", "public_key", "private_key",
    "network_id",
)  # fmt: skip


def _initial_templates(batch: Batch, config: Config, before: dict[str, Any]) -> None:
    config.created_here = True
    lifecycle.assign_initial_templates(config)


def _new_device_in_group(batch: Batch, device: Device, before: dict[str, Any]) -> None:
    if device.group_id is not None:
        batch.follow_up(("group", device.pk), lambda: lifecycle.configure_for_group(device))


def _group_of_device(batch: Batch, device: Device, before: dict[str, Any]) -> None:
    old = before["group_id"]
    batch.follow_up(("group", device.pk), lambda: lifecycle.change_group(device, old))


def _organization_of_device(batch: Batch, device: Device, before: dict[str, Any]) -> None:
    batch.follow_up(("organization", device.pk), lambda: lifecycle.change_organization(device))


def _backend_of_config(batch: Batch, config: Config, before: dict[str, Any]) -> None:
    batch.follow_up(("backend", config.pk), lambda: lifecycle.change_backend(config))


def _status_of_config(batch: Batch, config: Config, before: dict[str, Any]) -> None:
    batch.status_changed(config, before["status"])
    if config.status == Config.Status.ERROR:
        wake("config.notify_config_error", str(config.pk))
    elif config.status == Config.Status.DEACTIVATED:
        lifecycle.forget_management_ip(config.device)


TABLE: tuple[Change, ...] = (
    Change("device renamed", Device, ("name",), signals.device_name_changed, cause=Cause.INPUTS),
    Change(
        "device identity or operating system changed", Device, ("mac_address", "key", "hardware_id", "os"),
        cause=Cause.INPUTS,
    ),
    Change(
        "device moved to another organization", Device, ("organization_id",),
        cause=Cause.INPUTS, also=_organization_of_device,
    ),
    Change(
        "device joined, changed or left a group", Device, ("group_id",),
        signals.device_group_changed,
        lambda device, before: {"group_id": device.group_id, "old_group_id": before["group_id"]},
        Rank.GROUP, cause=Cause.INPUTS, also=_group_of_device,
    ),
    Change(
        "management address changed", Device, ("management_ip",),
        signals.management_ip_changed,
        lambda device, before: {
            "management_ip": device.management_ip, "old_management_ip": before["management_ip"]
        },
        Rank.MANAGEMENT_IP,
    ),
    Change("device created", Device, (), also=_new_device_in_group),
    Change("configuration created", Config, (), cause=Cause.CREATED, also=_initial_templates),
    Change("configuration or variables edited", Config, ("config", "context"), cause=Cause.EDITED),
    Change("hold of a release lifted, or set", Config, ("release_policy",), cause=Cause.EDITED),
    Change(
        "backend of a configuration changed", Config, ("backend",),
        signals.config_backend_changed,
        lambda config, before: {"old_backend": before["backend"], "backend": config.backend},
        Rank.BACKEND, cause=Cause.EDITED, also=_backend_of_config,
    ),
    Change("status set", Config, ("status",), also=_status_of_config),
    Change(
        "content of a template edited", Template, ("config", "default_values", "backend"),
        when="background", also=_template_content,
    ),
    Change("template became default or required", Template, ("default", "required"), also=_template_automatic),
    Change(
        "template offered to other devices", Template, ("organization_id", "backend"), also=_template_automatic,
    ),
    Change("template created", Template, (), also=_template_automatic),
    Change("server or provisioning of a VPN template", Template, ("vpn_id", "auto_cert"), also=_template_of_vpn),
    Change("VPN server created", Vpn, (), also=_vpn_created),
    Change(
        "VPN server edited", Vpn, _VPN_FIELDS,
        signals.vpn_server_modified, rank=Rank.VPN_SERVER,
        cause=Cause.VPN, when="background", configs=_of_vpn, also=_vpn_edited,
    ),
    Change(
        "ZeroTier network renamed", Vpn, ("name",),
        signals.vpn_server_modified, rank=Rank.VPN_SERVER,
        cause=Cause.VPN, when="background", configs=_of_vpn, also=_vpn_edited, only=_only_name_of_network,
    ),
    Change("webhook of a VPN server edited", Vpn, ("webhook_endpoint", "auth_token"), also=_vpn_webhook),
    Change("VPN client created", VpnClient, (), cause=Cause.INPUTS, also=_client_created),
    Change(
        "certificate, keys or address of a VPN client changed", VpnClient, VpnClient.observed_fields,
        cause=Cause.INPUTS, also=_client_changed,
    ),
    Change(
        "variables of a group edited", DeviceGroup, ("context",),
        cause=Cause.INPUTS, when="background", configs=_of_group,
    ),
    Change(
        "variables of an organization edited", OrganizationConfigSettings, ("context",),
        cause=Cause.INPUTS, when="background", configs=_of_organization,
    ),
    Change(
        "settings of an organization created", OrganizationConfigSettings, (),
        cause=Cause.INPUTS, when="background", configs=_of_organization,
    ),
)  # fmt: skip


def record(batch: Batch, instance: Model, created: bool, before: dict[str, Any]) -> None:
    """Apply the rows of the table that a save of ``instance`` touches; ``before`` holds the replaced values."""
    for change in TABLE:
        if not isinstance(instance, change.model):
            continue
        if (created if not change.fields else any(name in before for name in change.fields)) and change.only(
            instance, before
        ):
            _apply(change, batch, instance, before)


def _apply(change: Change, batch: Batch, instance: Any, before: dict[str, Any]) -> None:
    if change.signal is not None:
        batch.emit(change.rank, change.signal, instance, **change.arguments(instance, before))
    if change.cause is not None:
        if change.when == "background":
            assert change.configs is not None
            _mark(batch, instance, change.configs(instance), change.cause, change.what)
        else:
            config = _own_config(instance)
            if config is not None:
                batch.compile(config, change.cause, change.what)
    if change.also is not None:
        change.also(batch, instance, before)


def _own_config(instance: Config | VpnClient | Device) -> Config | None:
    if isinstance(instance, VpnClient):
        return instance.config
    return instance if isinstance(instance, Config) else _config_of(instance)


def _mark(batch: Batch, shared: Model, configs: QuerySet[Config], cause: Cause, detail: str) -> None:
    """Mark what depends on a shared object, and see to those that come to depend on it at this moment."""
    jobs.look_again(shared._meta.label, shared.pk, cause, detail)
    batch.stale(configs, cause, detail)


def dependents(model: str, key: uuid.UUID) -> QuerySet[Config] | None:
    """Return the configurations that depend on a shared object, None when it is gone.

    Args:
        model: label of its model, one of those that the table compiles in the background.
        key: its primary key.
    """
    shared = apps.get_model(model)._base_manager.filter(pk=key).first()
    return _SHARED[type(shared)][0](shared) if shared is not None else None


def _config_of(device: Device) -> Config | None:
    if not device._has_config():
        relation: Any = Device._meta.get_field("config")
        relation.delete_cached_value(device)  # it may have got one since somebody asked
    return device.config if device._has_config() else None


def group_templates_edited(batch: Batch, group: DeviceGroup, before: list[Template]) -> None:
    """The templates of a group were edited: announce the new list and let its devices follow in the background."""
    group.__dict__.get("_prefetched_objects_cache", {}).pop("templates", None)
    after = list(group.templates.all())
    if [template.pk for template in after] == [template.pk for template in before]:
        return
    batch.emit(Rank.GROUP_TEMPLATES, signals.group_templates_changed, group, templates=after, old_templates=before)
    old, new = [template.pk for template in before], [template.pk for template in after]
    added = [str(key) for key in new if key not in old]
    removed = [str(key) for key in old if key not in new]
    if added or removed:
        jobs.hand_out(Job.Kind.GROUP_TEMPLATES, group.pk, added=added, removed=removed)


#: Model → which configurations depend on it, the cause when it is deleted, and when it is restored, its name.
_SHARED: dict[type[Model], tuple[Callable[[Any], QuerySet[Config]], Cause, Cause, str]] = {
    Template: (_of_template, Cause.TEMPLATES, Cause.TEMPLATE, "template"),
    DeviceGroup: (_of_group, Cause.INPUTS, Cause.INPUTS, "group"),
    OrganizationConfigSettings: (_of_organization, Cause.INPUTS, Cause.INPUTS, "settings"),
    Device: (lambda device: Config.objects.filter(device=device), Cause.INPUTS, Cause.CREATED, "device"),
    Config: (lambda config: Config.objects.filter(pk=config.pk), Cause.EDITED, Cause.CREATED, "configuration"),
    Vpn: (_of_vpn, Cause.INPUTS, Cause.VPN, "VPN server"),
}


def before_deletion(sender: type[Model], instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``pre_delete`` of shared objects: what depended on them is compiled without them.

    Not so when a whole organization is deleted, for its devices go too.
    """
    if isinstance(origin, Organization) or getattr(origin, "model", None) is Organization:
        return
    configs, cause, _restored, name = _SHARED[sender]
    if isinstance(instance, Template) and instance.vpn_id is not None:
        cause = Cause.INPUTS
    with batch() as current:
        current.stale(configs(instance), cause, f'{name} "{getattr(instance, "name", instance)}" deleted')


def after_restoring(sender: type[Model], instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``post_save``: rows stored as they were once (a fixture, an earlier version) are compiled again.

    Restored devices and configurations are not announced, edited templates are.
    """
    if raw:
        configs, _deleted, cause, name = _SHARED[sender]
        with batch() as current:
            detail = f'{name} "{getattr(instance, "name", instance)}" restored'
            _mark(current, instance, configs(instance), cause, detail)
        if isinstance(instance, Vpn):
            servers.mark_stale([instance.pk])


def after_deleting_vpn(sender: type[Vpn], instance: Vpn, **kwargs: Any) -> None:
    """Receive ``post_delete`` of VPN servers: what they had is given back."""
    provisioning.give_back(instance)


def before_renewal(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive that a certificate is about to be renewed: what uses it is locked before it, as everywhere."""
    if isinstance(instance, Cert):
        with batch() as current:
            owners = _active().filter(vpnclient__cert=instance)
            current.stale(owners, Cause.INPUTS, f'certificate "{instance.common_name}" renewed')


def after_renewal(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive that a certificate was renewed: its server, and all clients of it, get the new one.

    The certificate of a CA follows with those that it signed, see ``pki.renewal``.
    """
    if isinstance(instance, Ca):
        servers.mark_stale(instance.vpn_set.values_list("pk", flat=True))
        return
    with batch() as current:
        for vpn in Vpn.objects.filter(cert=instance):
            server_modified(current, vpn, f'certificate of VPN server "{vpn.name}" renewed')


def server_modified(batch: Batch, vpn: Vpn, detail: str) -> None:
    """Announce that something that a VPN server refers to became another one; the server and its clients follow."""
    batch.emit(Rank.VPN_SERVER, signals.vpn_server_modified, vpn)
    _mark(batch, vpn, _of_vpn(vpn), Cause.VPN, detail)
    servers.mark_stale([vpn.pk])
    zerotier.server_changed(vpn, network_is_new=False)


def before_restoring(sender: type[Observed], instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``pre_save``: what workers and devices own is no part of an earlier version that is restored."""
    owned = (*sender.guarded_fields, *sender.contested_fields)
    if raw and owned:
        names = [field.attname for field in sender._meta.concrete_fields if field.name in owned]
        row = sender._base_manager.filter(pk=instance.pk).values(*names).first() or {}
        for name, value in row.items():
            setattr(instance, name, value)
