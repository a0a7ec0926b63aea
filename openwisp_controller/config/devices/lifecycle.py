"""What happens to a device as a whole: activation, deactivation, moves and groups.

Every call decides by the rows, which it locks, not by the instance in hand: somebody else may have changed the device
since that was loaded.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.db.models import Q

from ...common.registry import Registry
from ..assignment import assigning, rules
from ..compiling.compilation import Compilation
from ..models import Config, Device, Job, Template
from ..models.ordered import chosen, forget_loaded_list
from ..settings import settings
from ..unit_of_work import unit_of_work
from ..vpn.clients import ClientsToReconcile
from . import reports
from .stored import config_in_hand, locked, locked_alone

Status = Config.Status
#: What other apps do when a device moves to another organization: called in the unit of work of the move, before the
#: templates of the device are replaced.
moves: Registry[Callable[[Device], None]] = Registry("step of a move to another organization")


def deactivate(device: Device) -> None:
    """Empty the configuration of a device so that it wipes itself, and mark the device as deactivated.

    Does nothing when it is deactivated already. Variables, group and organization are kept, templates are not. Where
    the device has nothing to remove, the configuration is "deactivated" at once.
    """
    with unit_of_work() as unit:
        stored = locked(unit, device.pk)
        if stored is None or stored.is_deactivated():
            device._is_deactivated = True
            return
        device._is_deactivated = True
        device.save(update_fields=["_is_deactivated", "modified"])
        config = config_in_hand(device, stored)
        if config is not None:
            _empty(config)
        else:
            forget_management_ip(device)
        unit.happened(device, "deactivated")


def activate(device: Device) -> None:
    """Manage a deactivated device again: it gets the automatic templates and those of its group.

    Does nothing when it is active. The former configuration is not restored. The status is "applied" only when the
    device has wiped itself and has nothing new to fetch.
    """
    with unit_of_work() as unit:
        stored = locked(unit, device.pk)
        if stored is None or not stored.is_deactivated():
            device._is_deactivated = False
            return
        device._is_deactivated = False
        device.save(update_fields=["_is_deactivated", "modified"])
        config = config_in_hand(device, stored)
        if config is not None:
            wiped = stored.config.status == Status.DEACTIVATED and reports.State.of(stored.config).is_current
            config.adopt(stored.config, "status", "release_policy")
            config.status = Status.APPLIED if wiped else Status.MODIFIED
            config.release_policy = Config.Release.AUTOMATIC
            config.save(update_fields=["status", "release_policy", "modified"])
            initial = [template.pk for template in rules.initial_templates(stored, stored.config.backend)]
            assigning.reassign([config], lambda _, present: present + initial)
        unit.happened(device, "activated")


def forget_management_ip(device: Device) -> None:
    """Clear the management address of a device and announce it, if it has one."""
    with unit_of_work() as unit:
        stored = locked_alone(unit, device.pk)
        if stored is None:
            return
        old, stored.management_ip = stored.management_ip, None
        device.adopt(stored, "management_ip")
        if old is not None:
            Device.objects.filter(pk=device.pk).update(management_ip=None)
            unit.saved(device, created=False, before={"management_ip": old})


def _empty(config: Config) -> None:
    with unit_of_work():
        config.status = Status.DEACTIVATING
        config.config = {}
        config.release_policy = Config.Release.AUTOMATIC
        config.error_reason = config.compile_error = ""
        config.save(update_fields=["status", "config", "release_policy", "error_reason", "compile_error", "modified"])
        assigning.reassign([config], lambda _, present: [])


def assign_initial_templates(config: Config) -> None:
    """Give a configuration that was just created its automatic templates, those of the group, and those it came with.

    Raises:
        ValidationError: it must not have a template that it was given before it was stored.
    """
    given = chosen(config)
    forget_loaded_list(config)
    with unit_of_work() as unit:
        device = config.device if unit.created(config.device) else locked_alone(unit, config.device_id)
        if device is None or device.is_deactivated():
            return
        templates = rules.initial_templates(device, config.backend)
        if given:
            present = {template.pk for template in templates}
            added = [template for template in given if template.pk not in present]
            rules.check_assignable(config, templates, added)
            templates += added
        assigning.assign_initially(config, templates)
        unit.of(Compilation).know_templates(config, templates)


def configure_for_group(device: Device) -> None:
    """Create the configuration of a device in a group that has templates, unless it has one."""
    with unit_of_work() as unit:
        stored = device if unit.created(device) else locked_alone(unit, device.pk)
        if stored is None or stored.is_deactivated() or settings.DEFAULT_BACKEND is None:
            return
        if Config.objects.filter(device=device.pk).exists():
            return
        if rules.group_templates(stored.group, settings.DEFAULT_BACKEND):
            Config(device=device, backend=settings.DEFAULT_BACKEND).save()


def change_group(device: Device, old_group: uuid.UUID | None) -> None:
    """Replace the templates of the old group by those of the new one; required templates stay."""
    with unit_of_work() as unit:
        stored = locked(unit, device.pk)
        if stored is None or stored.is_deactivated():
            return
        config = config_in_hand(device, stored)
        if config is None:
            configure_for_group(device)
            return
        new = [template.pk for template in rules.group_templates(stored.group, stored.config.backend)]
        old = _given_by_group(old_group) if old_group else set()
        swap([config], remove=old - set(new), add=new)


def _given_by_group(group: uuid.UUID) -> set[uuid.UUID]:
    """Return the templates that a device may have from a group, which it has not yet lost if a job is still to run."""
    pending = Job.objects.filter(kind=Job.Kind.GROUP_TEMPLATES, subject=group).values_list("arguments", flat=True)
    former = [key for arguments in pending for key in arguments["removed"]]
    given = Template.objects.filter(Q(device_group_relations=group) | Q(pk__in=former), required=False)
    return set(given.values_list("pk", flat=True))


def change_backend(config: Config) -> None:
    """Replace group templates of the old backend by those of the new one and add its required templates."""
    with unit_of_work() as unit:
        device = locked(unit, config.device_id)
        if device is None or device.is_deactivated() or not device.has_config():
            return
        backend = device.config.backend
        usable = Template.objects.usable_by(device.organization_id, backend)
        add = list(usable.filter(required=True).order_by("name").values_list("pk", flat=True))
        remove: set[uuid.UUID] = set()
        if device.group is not None:
            group = list(device.group.templates.all())
            remove = {template.pk for template in group if template.backend != backend}
            add += [template.pk for template in group if template.backend == backend]
        swap([config], remove=remove, add=add)
        unit.of(ClientsToReconcile).add(config.pk)  # templates of the former backend make it no client any more


def change_organization(device: Device) -> None:
    """Take a device out of the group and templates of the organization that it left, add automatic templates."""
    with unit_of_work() as unit:
        for action in moves:
            action(device)
        stored = locked(unit, device.pk)
        if stored is None:
            return
        if stored.group is not None and stored.group.organization_id != stored.organization_id:
            device.group = None
            device.save(update_fields=["group"])
        config = config_in_hand(device, stored)
        if stored.is_deactivated() or config is None:
            return
        backend = stored.config.backend
        usable = set(Template.objects.usable_by(stored.organization_id, backend).values_list("pk", flat=True))
        automatic = rules.automatic_templates(stored.organization_id, backend)
        assigning.reassign(
            [config],
            lambda _, present: rules.with_automatic([key for key in present if key in usable], automatic),
            detail="device moved to another organization",
        )


def swap(configs: list[Config], *, remove: set[uuid.UUID], add: list[uuid.UUID], detail: str = "") -> None:
    """Remove and append templates of many configurations in one edit."""
    assigning.reassign(configs, lambda _, present: [key for key in present if key not in remove] + add, detail=detail)
