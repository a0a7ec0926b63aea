"""The named steps of the table of changes. Each docstring stands in the reference."""

from __future__ import annotations

from typing import Any

from ..compiling.compilation import Compilation
from ..delivery import jobs
from ..devices import lifecycle
from ..models import Config, Device, DeviceGroup, Job, Notice
from ..signals import device_group_changed
from ..unit_of_work import Happened, Saved, UnitOfWork
from ..vpn import clients
from ..whois import records
from ..whois.service import AddressChecks


def configure_new_device(unit: UnitOfWork, created: Saved) -> None:
    """Creates the configuration of a device whose group has templates."""
    device: Any = created.subject
    if device.group_id is not None:
        unit.follow_up(("group", device.pk), lambda: lifecycle.configure_for_group(device))


def follow_group(unit: UnitOfWork, edited: Saved) -> None:
    """Replaces the templates of the former group by those of the new one."""
    device, former = edited.subject, edited.before["group_id"]
    unit.follow_up(("group", device.pk), lambda: lifecycle.change_group(device, former))  # type: ignore[arg-type]


def follow_organization(unit: UnitOfWork, edited: Saved) -> None:
    """Takes the device out of the group and the templates of the former organization, and adds automatic templates."""
    device = edited.subject
    unit.follow_up(("organization", device.pk), lambda: lifecycle.change_organization(device))  # type: ignore[arg-type]


def notify_enrolment(unit: UnitOfWork, enrolled: Happened) -> None:
    """Notifies people that a device enrolled."""
    Notice.write("device_registered", enrolled.subject.pk, is_new=enrolled.facts["is_new"])


def assign_initial_templates(unit: UnitOfWork, created: Saved) -> None:
    """Assigns the automatic templates and those of the device's group."""
    lifecycle.assign_initial_templates(created.subject)  # type: ignore[arg-type]


def follow_backend(unit: UnitOfWork, edited: Saved) -> None:
    """Replaces the templates of the former backend that its group gave, and adds required ones of the new backend."""
    config = edited.subject
    unit.follow_up(("backend", config.pk), lambda: lifecycle.change_backend(config))  # type: ignore[arg-type]


def reconcile_vpn_clients(unit: UnitOfWork, edited: Happened) -> None:
    """Lets the VPN clients of the configuration follow its templates."""
    unit.of(clients.ClientsToReconcile).add(edited.subject.pk)


def reconcile_vpn_clients_of_device(unit: UnitOfWork, restored: Happened) -> None:
    """Lets the VPN clients of its configuration follow the templates."""
    for config in Config.objects.filter(device=restored.subject.pk).values_list("pk", flat=True):
        unit.of(clients.ClientsToReconcile).add(config)


def announce_status(unit: UnitOfWork, edited: Saved) -> None:
    """Announces the new status at the end, together with the outcome of compiling."""
    config: Any = edited.subject
    unit.of(Compilation).status_replaced(config, edited.before["status"])


def notify_config_error(unit: UnitOfWork, edited: Saved) -> None:
    """Notifies people that a configuration failed."""
    Notice.write("config_error", edited.subject.pk)


def forget_management_ip(unit: UnitOfWork, deactivated: Happened) -> None:
    """Clears the management address of the device."""
    config: Any = deactivated.subject
    lifecycle.forget_management_ip(config.device)


def check_address(unit: UnitOfWork, saved: Saved) -> None:
    """Has the public address of the device looked up, where it is new and unknown, or what is known is outdated."""
    device: Any = saved.subject
    is_new = saved.created or "last_ip" in saved.before
    unit.of(AddressChecks).add(unit, device, is_new=is_new)
    if is_new and not device.is_deactivated():
        records.review_later(saved.before.get("last_ip"), device.last_ip)


def check_address_again(unit: UnitOfWork, activated: Happened) -> None:
    """Has its address looked up as if it were new, and notes that it is in use."""
    device: Any = activated.subject
    unit.of(AddressChecks).add(unit, device, is_new=True)
    records.review_later(device.last_ip)


def review_address(unit: UnitOfWork, left: Happened) -> None:
    """Notes where no active device has its address any more."""
    device: Any = left.subject
    records.review_later(device.last_ip)


def assign_automatic_template(unit: UnitOfWork, saved: Saved) -> None:
    """Enqueues the assignment of a default or required template to all devices that it suits."""
    template: Any = saved.subject
    if template.default or template.required:
        jobs.enqueue_for_fleet(Job.Kind.AUTOMATIC_TEMPLATE, template.pk)


def take_from_groups(unit: UnitOfWork, deleted: Happened) -> None:
    """Takes the template out of the lists of groups, which is reported of each."""
    for group in DeviceGroup.objects.filter(templates=deleted.subject.pk).order_by("pk"):
        group.templates.remove(deleted.subject)


def report_loss_of_group(unit: UnitOfWork, deleted: Happened) -> None:
    """Reports each device of the group as one that lost it."""
    if not device_group_changed.has_listeners(Device):
        return
    group = deleted.subject.pk
    for device in Device.objects.filter(group=group).order_by("pk").select_for_update(of=("self",), no_key=True):
        device.group = None
        unit.happened(device, "lost its group", former=group)


def assign_group_templates(unit: UnitOfWork, edited: Happened) -> None:
    """Enqueues the assignment of what was added to the group's list, and the removal of what was taken from it."""
    new = [template.pk for template in edited.facts["templates"]]
    old = [template.pk for template in edited.facts["old_templates"]]
    added = [str(key) for key in new if key not in old]
    removed = [str(key) for key in old if key not in new]
    if added or removed:
        jobs.enqueue_for_fleet(Job.Kind.GROUP_TEMPLATES, edited.subject.pk, added=added, removed=removed)
