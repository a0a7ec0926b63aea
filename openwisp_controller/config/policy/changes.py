"""What a change means: the page to read to know the whole system.

Every row says what is observed of a model, and which effects follow, in their order: a documented signal is *sent*, the
device's own configuration is *compiled* in the transaction of the change, those of many devices are *marked* and
compiled after it, a named step is *run*. VPN servers have their rows in ``vpn_changes.py``; other apps register theirs.

Signals come last, each once, in the order of ``delivery/emissions.py``. The rows "configuration modified" and below
follow from the outcome of compiling, see ``delivery/outcomes.py``. What happens at the end of a unit of work, and when,
stands in ``phases.py``.
"""

from __future__ import annotations

from ...common.registry import Registry
from .. import signals
from ..models import Cause, Config, Device, DeviceGroup, OrganizationConfigSettings, Template, WHOISInfo
from ..whois.service import WHOISService
from . import arguments, conditions, steps
from .dependents import ITSELF, OF_DEVICE, OF_GROUP, OF_ORGANIZATION, OF_TEMPLATE
from .effects import Change, Compiles, Created, Edited, Event, Marks, Runs, Sends, Stored

#: Every row by what it says; other apps register their own when they start.
TABLE: Registry[Change] = Registry("change")


def register(*changes: Change) -> None:
    """Add rows to the table."""
    for change in changes:
        TABLE.register(change.what, change)


register(
    # devices
    Change("device created", Created(Device), (Runs(steps.configure_new_device),)),
    Change("device renamed", Edited(Device, "name"), (Sends(signals.device_name_changed), Compiles(Cause.INPUTS))),
    Change(
        "device identity or operating system changed", Edited(Device, "mac_address", "key", "hardware_id", "os"),
        (Compiles(Cause.INPUTS),),
    ),
    Change(
        "device moved to another organization", Edited(Device, "organization_id"),
        (Compiles(Cause.INPUTS), Runs(steps.follow_organization)),
    ),
    Change(
        "device joined, changed or left a group", Edited(Device, "group_id"),
        (Sends(signals.device_group_changed, arguments.of_group), Compiles(Cause.INPUTS), Runs(steps.follow_group)),
    ),
    Change(
        "group of a device deleted", Event(Device, "lost its group"),
        (Sends(signals.device_group_changed, arguments.of_lost_group),),
    ),
    Change(
        "management address changed", Edited(Device, "management_ip"),
        (Sends(signals.management_ip_changed, arguments.of_management_ip),),
    ),
    Change(
        "device enrolled", Event(Device, "enrolled"),
        (Sends(signals.device_registered, arguments.of_enrolment), Runs(steps.notify_enrolment)),
    ),
    Change(
        "device activated", Event(Device, "activated"),
        (Sends(signals.device_activated), Compiles(Cause.INPUTS)),
    ),
    Change(
        "device deactivated", Event(Device, "deactivated"),
        (Sends(signals.device_deactivated), Compiles(Cause.DEACTIVATED)),
    ),
    Change(
        "device asked for its checksum", Event(Device, "checksum requested"),
        (Sends(signals.checksum_requested, arguments.of_request),),
    ),
    Change(
        "device downloads its configuration", Event(Device, "download requested"),
        (Sends(signals.config_download_requested, arguments.of_request),),
    ),
    Change(
        "device restored", Event(Device, "restored"),
        (Marks(OF_DEVICE, Cause.CREATED), Runs(steps.reconcile_vpn_clients_of_device)),
    ),
    # addresses of devices; all of it where WHOIS is configured
    Change(
        "device saved", Stored(Device), (Runs(steps.check_address),), only=conditions.whois_is_configured,
    ),
    Change(
        "device active again", Event(Device, "activated"), (Runs(steps.check_address_again),),
        only=conditions.whois_is_configured,
    ),
    Change(
        "address of a device not in use any more", Event(Device, "deactivated"), (Runs(steps.review_address),),
        only=conditions.whois_is_configured,
    ),
    Change(
        "device deleted", Event(Device, "gone"), (Runs(steps.review_address),), only=conditions.whois_is_configured,
    ),
    Change(
        "address of a device is known already", Event(Device, "address known"),
        (Sends(signals.whois_lookup_skipped, sender=WHOISService, after_commit=True, named="device"),),
    ),
    Change(
        "address of a device looked up", Event(WHOISInfo, "looked up"),
        (Sends(signals.whois_fetched, arguments.of_whois, after_commit=True, named="whois"),),
    ),
    # configurations
    Change(
        "configuration created", Created(Config),
        (Compiles(Cause.CREATED), Runs(steps.assign_initial_templates)),
    ),
    Change("configuration or variables edited", Edited(Config, "config", "context"), (Compiles(Cause.EDITED),)),
    Change("hold of a release lifted, or set", Edited(Config, "release_policy"), (Compiles(Cause.EDITED),)),
    Change(
        "backend of a configuration changed", Edited(Config, "backend"),
        (
            Sends(signals.config_backend_changed, arguments.of_backend), Compiles(Cause.EDITED),
            Runs(steps.follow_backend),
        ),
    ),
    Change(
        "templates of a configuration edited", Event(Config, "templates edited"),
        (Compiles(Cause.TEMPLATES), Runs(steps.reconcile_vpn_clients)),
    ),
    Change(
        "same templates given to a configuration again", Event(Config, "same templates given"),
        (Compiles(Cause.TEMPLATES, alone=True), Runs(steps.reconcile_vpn_clients)),
    ),
    Change("status set", Edited(Config, "status"), (Runs(steps.announce_status),)),
    Change(
        "configuration failed", Edited(Config, "status"), (Runs(steps.notify_config_error),),
        only=conditions.became_error,
    ),
    Change(
        "configuration restored", Event(Config, "restored"), (Marks(ITSELF, Cause.CREATED), Compiles(Cause.CREATED)),
    ),
    # what compiling leads to
    Change(
        "configuration modified", Event(Config, "modified"), (Sends(signals.config_modified, arguments.of_modified),)
    ),
    Change(
        "status of a configuration changed", Event(Config, "status changed"), (Sends(signals.config_status_changed),)
    ),
    Change(
        "configuration is being removed from the device", Event(Config, "deactivating"),
        (Sends(signals.config_deactivating, arguments.of_deactivating),),
    ),
    Change(
        "configuration was removed from the device", Event(Config, "deactivated"),
        (Sends(signals.config_deactivated, arguments.of_deactivated), Runs(steps.forget_management_ip)),
    ),
    # templates
    Change("template created", Created(Template), (Runs(steps.assign_automatic_template),)),
    Change(
        "content of a template edited", Edited(Template, "config", "default_values", "backend"),
        (Marks(OF_TEMPLATE, conditions.cause_of_template_edit, detail=conditions.name_of_template),),
    ),
    Change(
        "template became default or required", Edited(Template, "default", "required"),
        (Runs(steps.assign_automatic_template),),
    ),
    Change(
        "template offered to other devices", Edited(Template, "organization_id", "backend"),
        (Runs(steps.assign_automatic_template),),
    ),
    Change(
        "template deleted", Event(Template, "deleted"),
        (Runs(steps.take_from_groups), Marks(OF_TEMPLATE, conditions.cause_of_template_deletion, recheck=False)),
    ),
    Change("template restored", Event(Template, "restored"), (Marks(OF_TEMPLATE, Cause.TEMPLATE),)),
    # groups and organizations
    Change("variables of a group edited", Edited(DeviceGroup, "context"), (Marks(OF_GROUP, Cause.INPUTS),)),
    Change(
        "templates of a group edited", Event(DeviceGroup, "templates edited"),
        (Sends(signals.group_templates_changed, arguments.of_group_templates), Runs(steps.assign_group_templates)),
    ),
    Change(
        "group deleted", Event(DeviceGroup, "deleted"),
        (Runs(steps.report_loss_of_group), Marks(OF_GROUP, Cause.INPUTS, recheck=False)),
    ),
    Change("group restored", Event(DeviceGroup, "restored"), (Marks(OF_GROUP, Cause.INPUTS),)),
    Change(
        "variables of an organization edited", Edited(OrganizationConfigSettings, "context"),
        (Marks(OF_ORGANIZATION, Cause.INPUTS),),
    ),
    Change(
        "settings of an organization created", Created(OrganizationConfigSettings),
        (Marks(OF_ORGANIZATION, Cause.INPUTS),),
    ),
    Change(
        "settings of an organization deleted", Event(OrganizationConfigSettings, "deleted"),
        (Marks(OF_ORGANIZATION, Cause.INPUTS, recheck=False),),
    ),
    Change(
        "settings of an organization restored", Event(OrganizationConfigSettings, "restored"),
        (Marks(OF_ORGANIZATION, Cause.INPUTS),),
    ),
)  # fmt: skip
