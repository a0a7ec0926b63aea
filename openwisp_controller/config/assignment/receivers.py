"""Lists of templates that are edited through their managers (``config.templates.add`` and the like)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _

from ..compiling.compilation import Compilation
from ..models import Config, Device, DeviceGroup, Template
from ..models.ordered import BulkEdits, ListEdits, forget_loaded_list
from ..unit_of_work import UnitOfWork, unit_of_work
from . import assigning, rules


class GroupListEdits:
    """The lists of groups that a unit of work edits, as they were before."""

    def __init__(self) -> None:
        self._groups: dict[uuid.UUID, tuple[DeviceGroup, list[Template]]] = {}

    def remember(self, group: DeviceGroup) -> None:
        """Remember the list of a group before its first edit."""
        if group.pk not in self._groups:
            self._groups[group.pk] = (group, list(group.templates.all()))

    def report(self, unit: UnitOfWork) -> bool:
        """Report the lists that were edited up to now; return whether there was any."""
        edits, self._groups = list(self._groups.values()), {}
        for group, before in edits:
            forget_loaded_list(group)
            after = list(group.templates.all())
            if [template.pk for template in after] != [template.pk for template in before]:
                unit.happened(group, "templates edited", templates=after, old_templates=before)
        return bool(edits)


def on_config_templates(
    action: str, instance: Any, reverse: bool, pk_set: set[uuid.UUID] | None, **kwargs: Any
) -> None:
    """Receive ``m2m_changed`` of the templates of configurations: enforce the rules, report what changed."""
    with unit_of_work() as unit:
        if instance.pk in unit.of(BulkEdits) or (pk_set is not None and not pk_set):
            return
        if not reverse and _is_restored_before_its_device(instance):
            return
        unit.of(Compilation).forget_templates(pk_set if reverse else [instance.pk])
        if action == "pre_clear" and reverse:
            _before_clearing_users(unit, instance)
            return
        configs = Config.objects.select_related("device").filter(pk__in=pk_set or ()) if reverse else [instance]
        for config in configs:
            templates = [instance] if reverse else Template.objects.filter(pk__in=pk_set or ())
            _RECEIVERS.get(action, _ignore)(unit, config, templates)


def _is_restored_before_its_device(config: Config) -> bool:
    """Tell whether a deleted configuration came back, and its device did not yet: that looks at the list then."""
    if not config.created_here or Config.device.is_cached(config):
        return False
    return not Device.objects.filter(pk=config.device_id).exists()


def on_group_templates(action: str, instance: Any, reverse: bool, pk_set: set[uuid.UUID] | None, **kwargs: Any) -> None:
    """Receive ``m2m_changed`` of the templates of groups: remember the list as it was before the first edit."""
    if not action.startswith("pre_"):
        return
    with unit_of_work() as unit:
        if reverse:
            keys = pk_set if pk_set is not None else instance.device_group_relations.values_list("pk", flat=True)
            groups = list(DeviceGroup.objects.filter(pk__in=keys))
        else:
            groups = [instance]
        for group in groups:
            if action == "pre_add":
                added = [instance] if reverse else list(Template.objects.filter(pk__in=pk_set or ()))
                rules.check_group(group, added)
                if any(template.vpn_id is not None for template in added):
                    rules.check_group_servers([*group.templates.select_related("vpn"), *added])
            if not unit.created(group):  # its first list is part of its creation
                unit.of(GroupListEdits).remember(group)


def _before_adding(unit: UnitOfWork, config: Config, templates: Iterable[Template]) -> None:
    added = unit.of(ListEdits).in_order_of_addition(config, templates)
    if any(template.organization_id is not None for template in added):
        # while we waited for the lock, the device may have moved
        row = Device.objects.filter(pk=config.device_id).values_list("organization_id", flat=True)
        rules.check_owners(added, row.first())
    rules.check_assignable(config, config.ordered_templates(), added)


def _before_removing(unit: UnitOfWork, config: Config, templates: Iterable[Template]) -> None:
    if _is_being_removed(config):
        return
    if any(template.required and template.backend == config.backend for template in templates):
        raise PermissionDenied(_("Required templates cannot be removed from the configuration"))


def _is_being_removed(config: Config) -> bool:
    """Tell whether the device was deactivated, whatever the instance in hand knows of it."""
    return Config.objects.filter(
        pk=config.pk, status__in=(Config.Status.DEACTIVATING, Config.Status.DEACTIVATED)
    ).exists()


def _after_editing(unit: UnitOfWork, config: Config, templates: Iterable[Template]) -> None:
    event = "same templates given" if unit.of(ListEdits).is_the_same_again(config) else "templates edited"
    unit.happened(config, event, detail="")


def _after_clearing(unit: UnitOfWork, config: Config, templates: Iterable[Template]) -> None:
    """Put required templates back; what ``clear()`` alone did is looked at with the next edit of the list."""
    if not _is_being_removed(config):
        usable = Template.objects.usable_by(config.device.organization_id, config.backend)
        assigning.put_back(config, rules.one_per_server(usable.filter(required=True).order_by("name")))
    if unit.of(ListEdits).is_replaced(config):
        _after_editing(unit, config, templates)


def _before_clearing_users(unit: UnitOfWork, template: Template) -> None:
    """Refuse to take a required template from those that have it; other lists are looked at with their next edit."""
    users = template.config_relations.all()
    for config in users.filter(backend=template.backend) if template.required else ():
        _before_removing(unit, config, [template])
    if unit.of(ListEdits).is_replaced(template):
        for config in users.select_related("device"):
            _after_editing(unit, config, [template])


def _ignore(unit: UnitOfWork, config: Config, templates: Iterable[Template]) -> None:
    pass


_RECEIVERS: dict[str, Callable[[UnitOfWork, Config, Iterable[Template]], None]] = {
    "pre_add": _before_adding,
    "post_add": _after_editing,
    "pre_remove": _before_removing,
    "post_remove": _after_editing,
    "post_clear": _after_clearing,
}
