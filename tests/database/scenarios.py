"""Scenarios for the signals of configurations: what is there, what happens, what must be sent.

The identifiers are those of the decision table in the reference of the signals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from openwisp_controller.config.batch import batch
from openwisp_controller.config.models import Config, Device, DeviceGroup, Template

from .. import factories as make

OTHER_BACKEND = "netjsonconfig.OpenWisp"
MODIFIED = "config_modified"
STATUS = "config_status_changed"


@dataclass
class World:
    """The objects of a scenario; ``things`` holds what its set-up adds."""

    organization: Any
    things: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.things[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Expected:
    """A signal and those of its arguments that the scenario is about."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """``given`` returns objects by name, ``when`` acts on them, ``then`` is the whole list of signals."""

    name: str
    given: Callable[[World], dict[str, Any]]
    when: Callable[[World], Any]
    then: Callable[[World], list[Expected]] | list[Expected]


def modified(action: str, previous_status: str = "applied") -> Expected:
    return Expected(MODIFIED, {"action": action, "previous_status": previous_status})


def interface(name: str, **more: Any) -> dict[str, Any]:
    return {"interfaces": [{"name": name, "type": "ethernet", **more}]}


def using(variable: str) -> dict[str, Any]:
    """A configuration that is valid whatever the variable is."""
    return {"general": {"description": "{{ " + variable + " }}"}}


def fresh(config: Config) -> Config:
    """The configuration as another process would load it."""
    return Config.objects.get(pk=config.pk)


def applied(world: World) -> dict[str, Any]:
    """A device that has applied its configuration, which uses one variable."""
    return {"config": make.config(world.organization, status="applied", config=using("port"), context={"port": "eth0"})}


def in_status(status: str) -> Callable[[World], dict[str, Any]]:
    def given(world: World) -> dict[str, Any]:
        config = make.config(world.organization, config=interface("eth0"))
        Config.objects.filter(pk=config.pk).update(status=status, error_reason="why" if status == "error" else "")
        return {"config": fresh(config)}

    return given


def with_template(**fields: Any) -> Callable[[World], dict[str, Any]]:
    """An applied device with one template."""

    def given(world: World) -> dict[str, Any]:
        template = make.template(world.organization, **{"config": interface("eth5"), **fields})
        return {"template": template, "config": make.config(world.organization, templates=[template], status="applied")}

    return given


def two_groups(world: World) -> dict[str, Any]:
    """Two groups with a template each and an applied device in the first one."""
    a = make.group(world.organization, templates=[make.template(world.organization, config=interface("eth1"))])
    b = make.group(world.organization, templates=[make.template(world.organization, config=interface("eth2"))])
    device = make.device(world.organization, group=a)
    config = Config.objects.get(device=device)
    Config.objects.filter(pk=config.pk).update(status="applied")
    return {"a": a, "b": b, "device": Device.objects.get(pk=device.pk), "config": fresh(config)}


def save(instance: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(instance, name, value)
    instance.save()
    return instance


def extra(world: World) -> dict[str, Any]:
    """An applied device and a template that it does not have."""
    return {**applied(world), "template": make.template(world.organization, config=interface("eth7"))}


def default_template(world: World) -> dict[str, Any]:
    return {"template": make.template(world.organization, default=True, config=interface("eth3"))}


CONFIG_SCENARIOS = [
    Scenario("C1 create", default_template, lambda w: make.config(w.organization), []),
    Scenario(
        "C2 configuration edited", applied, lambda w: save(fresh(w.config), config=interface("eth9")),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "C2 variable edited", applied, lambda w: save(fresh(w.config), context={"port": "eth1"}),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "C3 edited while modified", in_status("modified"), lambda w: save(fresh(w.config), config=interface("eth9")),
        [modified("config_changed", "modified")],
    ),
    Scenario("C4 saved unchanged", applied, lambda w: fresh(w.config).save(), []),
    Scenario("C4 unused variable", applied, lambda w: save(fresh(w.config), context={"port": "eth0", "x": 1}), []),
    Scenario(
        "C5 edited while in error", in_status("error"), lambda w: save(fresh(w.config), config=interface("eth9")),
        [modified("config_changed", "error"), Expected(STATUS)],
    ),
    Scenario(
        "C6 set_status_modified", applied, lambda w: fresh(w.config).set_status_modified(),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "C6 set_status_modified while modified", in_status("modified"), lambda w: fresh(w.config).set_status_modified(),
        [modified("config_changed", "modified")],
    ),
    Scenario(
        "C7 set_status_modified without config_modified", applied,
        lambda w: fresh(w.config).set_status_modified(send_config_modified_signal=False), [Expected(STATUS)],
    ),
    Scenario(
        "M1 templates.add", extra, lambda w: fresh(w.config).templates.add(w.template),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "M1 add from the template's side", extra, lambda w: w.template.config_relations.add(w.config),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario("M2 add one that is there", with_template(), lambda w: fresh(w.config).templates.add(w.template), []),
    Scenario("M2 add nothing", with_template(), lambda w: fresh(w.config).templates.add(), []),
    Scenario(
        "M3 remove", with_template(), lambda w: fresh(w.config).templates.remove(w.template),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario("M4 remove one that is not there", extra, lambda w: fresh(w.config).templates.remove(w.template), []),
    Scenario("M5 clear", with_template(), lambda w: fresh(w.config).templates.clear(), []),
    Scenario(
        "M6 set another list", extra, lambda w: fresh(w.config).templates.set([w.template]),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario("M7 set the same list", with_template(), lambda w: fresh(w.config).templates.set([w.template]), []),
    Scenario(
        "M8 set an empty list", with_template(), lambda w: fresh(w.config).templates.set([]),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "M8 set an empty list, a required template stays", with_template(required=True),
        lambda w: fresh(w.config).templates.set([]), [],
    ),
    Scenario(
        "T1 template edited", with_template(), lambda w: save(w.template, config=interface("eth6")),
        [Expected(STATUS), modified("related_template_changed")],
    ),
    Scenario(
        "T2 template renamed", with_template(), lambda w: save(w.template, name="another", notes="x"), [],
    ),
    Scenario(
        "T3 default value used in the template", with_template(config=using("p"), default_values={"p": "eth0"}),
        lambda w: save(w.template, default_values={"p": "eth1"}),
        [Expected(STATUS), modified("related_template_changed")],
    ),
    Scenario(
        "T5 template becomes default", extra, lambda w: save(w.template, default=True),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario("T6 template un-flagged", with_template(default=True), lambda w: save(w.template, default=False), []),
    Scenario(
        "T7 template deleted", with_template(), lambda w: w.template.delete(),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "T8 template's backend changed", with_template(), lambda w: save(w.template, backend=OTHER_BACKEND),
        [Expected(STATUS), modified("related_template_changed")],
    ),
]  # fmt: skip


def _t3_overridden(world: World) -> dict[str, Any]:
    template = make.template(world.organization, config=using("p"), default_values={"p": "eth0"})
    config = make.config(world.organization, context={"p": "eth4"}, templates=[template], status="applied")
    return {"template": template, "config": config}


def _t4(world: World) -> dict[str, Any]:
    template = make.template(world.organization, config=interface("eth5"), default_values={"p": "eth0"})
    user = make.config(world.organization, config=using("p"), templates=[template], status="applied")
    other = make.config(world.organization, templates=[template], status="applied")
    return {"template": template, "config": user, "other": other}


def _m9(world: World) -> dict[str, Any]:
    return {
        "config": make.config(world.organization, status="applied", config=interface("eth0", mtu=1400)),
        "template": make.template(world.organization, config=interface("eth0", mtu=1500)),
    }


def _reordered(world: World) -> dict[str, Any]:
    first = make.template(world.organization, config=interface("eth0", mtu=1400))
    second = make.template(world.organization, config=interface("eth0", mtu=1500))
    return {"first": first, "second": second,
            "config": make.config(world.organization, templates=[first, second], status="applied")}  # fmt: skip


CONFIG_SCENARIOS += [
    Scenario(
        "T3 default value overridden by the device", _t3_overridden,
        lambda w: save(w.template, default_values={"p": "eth1"}), [modified("related_template_changed")],
    ),
    Scenario(
        "T4 default value used by the device alone", _t4, lambda w: save(w.template, default_values={"p": "eth1"}),
        lambda w: [Expected(STATUS, {"instance": w.config}),
                   Expected(MODIFIED, {"instance": w.config, "action": "related_template_changed"})],
    ),
    Scenario("M9 template without effect", _m9, lambda w: fresh(w.config).templates.add(w.template), []),
    Scenario(
        "M6 reorder", _reordered, lambda w: fresh(w.config).templates.set([w.second, w.first]),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
]  # fmt: skip


def named_device(world: World) -> dict[str, Any]:
    """An applied device whose MAC address is used as a variable."""
    config = make.config(world.organization, status="applied", config={"general": {"description": "{{ mac_address }}"}})
    return {"config": config, "device": config.device}


def fixed_hostname(world: World) -> dict[str, Any]:
    config = make.config(world.organization, status="applied", config={"general": {"hostname": "fixed"}})
    return {"config": config, "device": config.device}


def deactivated(world: World) -> dict[str, Any]:
    config = make.config(world.organization, config=interface("eth0"))
    device = config.device
    device.deactivate()
    device.config.set_status_deactivated()
    return {"device": Device.objects.get(pk=device.pk), "config": fresh(config)}


def organization_variable(world: World) -> dict[str, Any]:
    user = make.config(world.organization, status="applied", config=using("p"), context={})
    make.config(world.organization, status="applied", config=interface("eth1"))
    return {"config": user}


def organization_variable_set(world: World) -> dict[str, Any]:
    save(world.organization.config_settings, context={"p": "eth1"})
    return organization_variable(world)


def group_variable(world: World) -> dict[str, Any]:
    group = make.group(world.organization, context={"p": "eth1"})
    device = make.device(world.organization, group=group)
    return {"group": group, "config": make.config(device, status="applied", config=using("p")),
            "device": Device.objects.get(pk=device.pk)}  # fmt: skip


def moving(world: World) -> dict[str, Any]:
    """An applied device with a template of its organization, and an organization with a default template."""
    target = make.organization()
    make.template(target, default=True, config=interface("eth8"))
    return {**with_template()(world), "target": target}


RENAMED = Expected("device_name_changed")
DEVICE_SCENARIOS = [
    Scenario(
        "D1 renamed", named_device, lambda w: save(w.device, name="another"),
        [RENAMED, modified("config_changed"), Expected(STATUS)],
    ),
    Scenario("D1 renamed, fixed hostname", fixed_hostname, lambda w: save(w.device, name="another"), [RENAMED]),
    Scenario("D1 renamed while deactivated", deactivated, lambda w: save(w.device, name="another"), [RENAMED]),
    Scenario(
        "D3 another operating system", lambda w: {"config": make.config(
            w.organization, status="applied",
            config={"interfaces": [{"name": "br0", "type": "bridge", "bridge_members": ["eth0"]}]})},
        lambda w: save(w.config.device, os="OpenWrt 19.07"), [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "D4 another MAC address", named_device, lambda w: save(w.device, mac_address="02:aa:aa:aa:aa:aa"),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "D5 moved, variables differ", organization_variable,
        lambda w: save(w.config.device, organization=make.organization(context={"p": "eth2"})),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario("D5 moved, same result", applied, lambda w: save(w.config.device, organization=make.organization()), []),
    Scenario(
        "U6 moved, templates differ", moving, lambda w: save(w.config.device, organization=w.target),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "O1 variables of the organization", organization_variable,
        lambda w: save(w.organization.config_settings, context={"p": "eth3"}),
        lambda w: [Expected(MODIFIED, {"instance": w.config, "action": "config_changed", "previous_status": "applied"}),
                   Expected(STATUS, {"instance": w.config})],
    ),
    Scenario(
        "O2 other settings of the organization", organization_variable,
        lambda w: save(w.organization.config_settings, registration_enabled=False), [],
    ),
    Scenario(
        "G1 created in a group", two_groups, lambda w: make.device(w.organization, group=w.a), [],
    ),
    Scenario(
        "G2 configuration created by joining a group",
        lambda w: {**two_groups(w), "lonely": make.device(w.organization)},
        lambda w: save(w.lonely, group=w.a), [Expected("device_group_changed")],
    ),
    Scenario(
        "G3 another group", two_groups, lambda w: save(w.device, group=w.b),
        lambda w: [modified("m2m_templates_changed"), Expected(STATUS),
                   Expected("device_group_changed", {"group_id": w.b.pk, "old_group_id": w.a.pk})],
    ),
    Scenario(
        "G4 leaves its group", two_groups, lambda w: save(w.device, group=None),
        lambda w: [modified("m2m_templates_changed"), Expected(STATUS),
                   Expected("device_group_changed", {"group_id": None, "old_group_id": w.a.pk})],
    ),
    Scenario(
        "G5 another group with other variables", group_variable,
        lambda w: save(w.device, group=make.group(w.organization, context={"p": "eth2"})),
        [modified("config_changed"), Expected(STATUS), Expected("device_group_changed")],
    ),
    Scenario(
        "G6 templates of the group replaced", two_groups,
        lambda w: w.a.templates.set([make.template(w.organization, config=interface("eth4"))]),
        [Expected("group_templates_changed"), modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "G8 variables of the group", group_variable, lambda w: save(w.group, context={"p": "eth3"}),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario("G9 metadata and name of the group", group_variable,
        lambda w: save(w.group, name="x", meta_data={"a": 1}), []),
    Scenario(
        "G9 group deleted", group_variable, lambda w: w.group.delete(), [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "G9 group set by UPDATE", two_groups, lambda w: Device.objects.filter(pk=w.device.pk).update(group=w.b), [],
    ),
    Scenario(
        "B1 backend changed", in_status("applied"), lambda w: save(fresh(w.config), backend=OTHER_BACKEND),
        [Expected("config_backend_changed", {"old_backend": make.BACKEND, "backend": OTHER_BACKEND}),
         modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "B2 backend changed, group templates for both", lambda w: _group_of_both(w),
        lambda w: save(fresh(w.config), backend=OTHER_BACKEND),
        [Expected("config_backend_changed"), modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "A1 deactivate", applied, lambda w: w.config.device.deactivate(),
        [Expected(STATUS), Expected("config_deactivating", {"previous_status": "applied"}),
         Expected("device_deactivated")],
    ),
    Scenario(
        "A1 deactivate, nothing to remove", lambda w: {"config": make.config(w.organization, status="applied")},
        lambda w: w.config.device.deactivate(),
        [Expected(STATUS), Expected("config_deactivating", {"previous_status": "applied"}), Expected(STATUS),
         Expected("config_deactivated", {"previous_status": "deactivating"}), Expected("device_deactivated")],
    ),
    Scenario(
        "A1 deactivate without configuration",
        lambda w: {"device": make.device(w.organization, management_ip="10.0.0.1")}, lambda w: w.device.deactivate(),
        [Expected("management_ip_changed", {"management_ip": None, "old_management_ip": "10.0.0.1"}),
         Expected("device_deactivated")],
    ),
    Scenario("A1 deactivate again", deactivated, lambda w: w.device.deactivate(), []),
    Scenario(
        "A2 activate, templates assigned", lambda w: {**deactivated(w), **default_template(w)},
        lambda w: w.device.activate(),
        [modified("m2m_templates_changed", "deactivated"), Expected(STATUS), Expected("device_activated")],
    ),
    Scenario(
        "A3 activate, nothing assigned", deactivated, lambda w: w.device.activate(),
        [Expected(STATUS), Expected("device_activated")],
    ),
    Scenario("A3 activate an active device", applied, lambda w: w.config.device.activate(), []),
    Scenario(
        "edited while deactivated", deactivated,
        lambda w: save(fresh(w.config), config=interface("eth0", mtu=1400)), [],
    ),
    Scenario("device deleted", deactivated, lambda w: w.device.delete(), []),
    Scenario(
        "organization deleted", lambda w: {**two_groups(w), **with_template()(w)},
        lambda w: w.organization.delete(), [],
    ),
]  # fmt: skip


def _group_of_both(world: World) -> dict[str, Any]:
    ours = make.template(world.organization, config=interface("eth1"))
    theirs = make.template(world.organization, config=interface("eth2"), backend=OTHER_BACKEND)
    group = make.group(world.organization, templates=[ours, theirs])
    config = Config.objects.get(device=make.device(world.organization, group=group))
    Config.objects.filter(pk=config.pk).update(status="applied")
    return {"config": fresh(config), "ours": ours, "theirs": theirs}


STATUS_SCENARIOS = [
    *(
        Scenario(f"{before} to {method}", in_status(before),
                 lambda w, m=method: getattr(fresh(w.config), m)(), [Expected(STATUS)])
        for before, method in (
            ("modified", "set_status_applied"), ("modified", "set_status_error"), ("error", "set_status_applied"),
            ("applied", "set_status_error"),
        )
    ),
    Scenario("applied again", in_status("applied"), lambda w: fresh(w.config).set_status_applied(), []),
    Scenario("error again", in_status("error"), lambda w: fresh(w.config).set_status_error(reason="other"), []),
    Scenario("status assigned", in_status("modified"),
        lambda w: save(fresh(w.config), status="applied"), [Expected(STATUS)]),
    Scenario(
        "status by UPDATE", in_status("modified"),
        lambda w: Config.objects.filter(pk=w.config.pk).update(status="applied"), [],
    ),
]  # fmt: skip


def saved_twice(instance: Any, **values: Any) -> None:
    save(instance, **values)
    instance.save()


def deferred(device: Device, *names: str) -> Device:
    """The device as loaded without some of its fields."""
    return Device.objects.defer(*names).get(pk=device.pk)


def bare_device(world: World) -> dict[str, Any]:
    """A device without configuration, with an address, and a group that it is not in."""
    return {
        "device": make.device(world.organization, name="first", management_ip="10.0.0.1"),
        "group": make.group(world.organization),
    }


def without_address(world: World) -> dict[str, Any]:
    return {"device": make.device(world.organization), "group": make.group(world.organization)}


def address(new: str | None, old: str | None) -> Expected:
    return Expected("management_ip_changed", {"management_ip": new, "old_management_ip": old})


def group_changed(world: World) -> list[Expected]:
    return [Expected("device_group_changed", {"group_id": world.group.pk, "old_group_id": None})]


def assign(instance: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(instance, name, value)
    return instance


def undone(instance: Any, **values: Any) -> None:
    """Save in a transaction that is undone, then save again."""
    with contextlib.suppress(Undo), transaction.atomic():
        save(instance, **values)
        raise Undo
    instance.save()


class Undo(Exception):
    """Undoes a transaction."""


VALUE_SCENARIOS = [
    Scenario("5.1 renamed, saved again", bare_device, lambda w: saved_twice(w.device, name="second"), [RENAMED]),
    Scenario(
        "5.1 group changed, saved again", bare_device, lambda w: saved_twice(w.device, group=w.group), group_changed,
    ),
    Scenario(
        "5.1 address changed, saved again", bare_device, lambda w: saved_twice(w.device, management_ip="10.0.0.2"),
        [address("10.0.0.2", "10.0.0.1")],
    ),
    Scenario("5.1 letter case of the name", bare_device, lambda w: save(w.device, name="FIRST"), [RENAMED]),
    Scenario("5.1 saved unchanged", bare_device, lambda w: saved_twice(Device.objects.get(pk=w.device.pk)), []),
    Scenario(
        "5.1 other fields saved", bare_device,
        lambda w: assign(w.device, name="second", group=w.group, management_ip="10.0.0.2").save(
            update_fields=["notes", "modified"]),
        [],
    ),
    Scenario(
        "5.1 just the group saved", bare_device,
        lambda w: assign(w.device, name="second", group=w.group).save(update_fields=["group"]), group_changed,
    ),
    Scenario(
        "5.1 name not loaded", bare_device, lambda w: save(deferred(w.device, "name"), name="second"), [RENAMED],
    ),
    Scenario(
        "5.1 name not loaded, same value", bare_device,
        lambda w: save(deferred(w.device, "name"), name="first"), [],
    ),
    Scenario(
        "5.1 group not loaded", bare_device, lambda w: save(deferred(w.device, "group"), group=w.group), group_changed,
    ),
    Scenario(
        "5.1 address not loaded", bare_device,
        lambda w: save(deferred(w.device, "management_ip"), management_ip="10.0.0.2"),
        [address("10.0.0.2", "10.0.0.1")],
    ),
    Scenario(
        "5.1 another field loaded between assignment and save", bare_device,
        lambda w: save(assign(deferred(w.device, "os"), name="second"), os="x"), [RENAMED],
    ),
    Scenario(
        "5.1 refreshed in part between assignment and save", bare_device,
        lambda w: (assign(w.device, name="second").refresh_from_db(fields=["os"]), w.device.save()), [RENAMED],
    ),
    Scenario(
        "5.1 renamed, undone, saved again", bare_device, lambda w: undone(w.device, name="second"), [RENAMED, RENAMED],
    ),
    Scenario("5.1 no address, empty text", without_address, lambda w: saved_twice(w.device, management_ip=""), []),
    Scenario(
        "5.1 address emptied", bare_device, lambda w: saved_twice(w.device, management_ip=""),
        [address(None, "10.0.0.1")],
    ),
    Scenario(
        "5.1 another spelling of the address",
        lambda w: {"device": make.device(w.organization, management_ip="2001:db8::1")},
        lambda w: saved_twice(w.device, management_ip="2001:DB8:0::1"), [],
    ),
    Scenario(
        "5.1 group as text", bare_device, lambda w: saved_twice(w.device, group_id=str(w.group.pk)), group_changed,
    ),
    Scenario(
        "5.1 same group as text", lambda w: {"device": make.device(w.organization, group=make.group(w.organization))},
        lambda w: save(w.device, group_id=str(w.device.group_id)), [],
    ),
    Scenario(
        "5.1 by UPDATE", bare_device,
        lambda w: Device.objects.filter(pk=w.device.pk).update(name="x", group=w.group, management_ip=None), [],
    ),
    Scenario(
        "5.1 group deleted", lambda w: {"group": make.group(w.organization), **bare_device(w)},
        lambda w: (Device.objects.filter(pk=w.device.pk).update(group=w.group), w.group.delete()), [],
    ),
    Scenario(
        "5.1 overwritten by an old instance", bare_device,
        lambda w: (Device.objects.filter(pk=w.device.pk).update(name="newer"), w.device.save()), [RENAMED],
    ),
    Scenario(
        "5.2 group of a deactivated device", lambda w: {**deactivated(w), **two_groups(w), **deactivated(w)},
        lambda w: save(w.device, group=w.a), [Expected("device_group_changed")],
    ),
    Scenario(
        "5.2 moved to another organization, group left behind",
        lambda w: {"device": make.device(w.organization, group=make.group(w.organization))},
        lambda w: assign(w.device, organization=make.organization()).save(update_fields=["organization"]),
        lambda w: [Expected("device_group_changed", {"group_id": None})],
    ),
    Scenario(
        "5.5 deactivated by report, saved again",
        lambda w: {"config": make.config(w.organization, config=interface("eth0"))},
        lambda w: (w.config.device.deactivate(), w.config.device.config.save(), w.config.device.save()),
        [Expected(STATUS), Expected("config_deactivating", {"previous_status": "modified"}),
         Expected("device_deactivated")],
    ),
    Scenario(
        "5.5 activate without configuration",
        lambda w: {"device": make.device(w.organization, _is_deactivated=True)}, lambda w: w.device.activate(),
        [Expected("device_activated")],
    ),
    Scenario(
        "5.5 activate before the device is wiped, nothing assigned",
        lambda w: {"config": _deactivating(w)}, lambda w: w.config.device.activate(),
        [Expected(STATUS), Expected("device_activated")],
    ),
    Scenario(
        "6.1 backend changed, saved again", in_status("applied"),
        lambda w: saved_twice(fresh(w.config), backend=OTHER_BACKEND),
        [Expected("config_backend_changed"), modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "6.1 backend overwritten by an old instance", in_status("applied"),
        lambda w: (save(fresh(w.config), backend=OTHER_BACKEND), w.config.save()),
        [Expected("config_backend_changed"), modified("config_changed"), Expected(STATUS),
         Expected("config_backend_changed"), modified("config_changed", "modified")],
    ),
    Scenario(
        "6.1 backend by UPDATE", in_status("applied"),
        lambda w: Config.objects.filter(pk=w.config.pk).update(error_reason="x"), [],
    ),
]  # fmt: skip


def _deactivating(world: World) -> Config:
    config = make.config(world.organization, config=interface("eth0"))
    config.device.deactivate()
    return fresh(config)


def group_with_two(world: World) -> dict[str, Any]:
    first, second = (make.template(world.organization) for _ in range(2))
    return {
        "group": make.group(world.organization, templates=[first, second]),
        "first": first, "second": second, "third": make.template(world.organization),
    }  # fmt: skip


def list_changed(*names: str) -> Callable[[World], list[Expected]]:
    """The list of the group is now that of these templates."""
    return lambda w: [
        Expected(
            "group_templates_changed",
            {"templates": [w.things[name] for name in names], "old_templates": [w.first, w.second]},
        )
    ]


GROUP_SCENARIOS = [
    Scenario(
        "6.2 created with templates", group_with_two,
        lambda w: transaction_of(lambda: make.group(w.organization, templates=[w.first])),
        lambda w: [Expected("group_templates_changed", {"templates": [w.first], "old_templates": []})],
    ),
    Scenario("6.2 add", group_with_two, lambda w: w.group.templates.add(w.third),
             list_changed("first", "second", "third")),
    Scenario("6.2 remove", group_with_two, lambda w: w.group.templates.remove(w.first), list_changed("second")),
    Scenario("6.2 clear", group_with_two, lambda w: w.group.templates.clear(), list_changed()),
    Scenario("6.2 set", group_with_two, lambda w: w.group.templates.set([w.third, w.first]),
             list_changed("third", "first")),
    Scenario("6.2 reorder", group_with_two, lambda w: w.group.templates.set([w.second, w.first]),
             list_changed("second", "first")),
    Scenario("6.2 same list", group_with_two, lambda w: w.group.templates.set([w.first, w.second]), []),
    Scenario("6.2 add one that is there", group_with_two, lambda w: w.group.templates.add(w.first), []),
    Scenario("6.2 remove one that is not there", group_with_two, lambda w: w.group.templates.remove(w.third), []),
    Scenario("6.2 add from the template's side", group_with_two,
             lambda w: w.third.device_group_relations.add(w.group), list_changed("first", "second", "third")),
    Scenario("6.2 remove from the template's side", group_with_two,
             lambda w: w.first.device_group_relations.remove(w.group), list_changed("second")),
    Scenario("6.2 clear from the template's side", group_with_two,
             lambda w: w.first.device_group_relations.clear(), list_changed("second")),
    Scenario("6.2 set from the template's side", group_with_two,
             lambda w: w.third.device_group_relations.set([w.group]), list_changed("first", "second", "third")),
    Scenario("6.2 edited twice in one batch", group_with_two,
             lambda w: transaction_of(lambda: (w.group.templates.clear(), w.group.templates.add(w.third))),
             list_changed("third")),
    Scenario("6.2 edited and taken back in one batch", group_with_two,
             lambda w: transaction_of(lambda: (w.group.templates.add(w.third), w.group.templates.remove(w.third))), []),
    Scenario("6.2 group saved", group_with_two, lambda w: save(w.group, name="another"), []),
    Scenario("6.2 by UPDATE", group_with_two,
             lambda w: DeviceGroup.templates.through.objects.all().delete(), []),
]  # fmt: skip


def transaction_of(action: Callable[[], Any]) -> None:
    with batch():
        action()


def two_users(world: World) -> dict[str, Any]:
    template = make.template(world.organization, config=interface("eth5"))
    configs = [make.config(world.organization, templates=[template], status="applied") for _ in range(2)]
    return {"template": template, "configs": configs, "config": configs[0]}


def lifted(world: World) -> dict[str, Any]:
    """A device held at the released revision, with an edit that waits."""
    config = make.config(world.organization, config=interface("eth0"))
    save(fresh(config), release_policy="held")
    save(fresh(config), config=interface("eth1"))
    Config.objects.filter(pk=config.pk).update(status="applied")
    return {"config": fresh(config)}


COMPOUND_SCENARIOS = [
    Scenario(
        "C1 the creating instance is edited later", lambda w: {"config": new_config(w)},
        lambda w: save(w.config, config=interface("eth8")), [modified("config_changed", "modified")],
    ),
    Scenario(
        "C1 the creating instance is given templates", lambda w: {**extra(w), "new": new_config(w)},
        lambda w: w.new.templates.add(w.template), [],
    ),
    Scenario(
        "C1 the creating instance is applied", lambda w: {"config": new_config(w)},
        lambda w: w.config.set_status_applied(), [Expected(STATUS)],
    ),
    Scenario(
        "C1 its device is renamed", lambda w: {"config": new_config(w)},
        lambda w: save(w.config.device, name="another"), [RENAMED, modified("config_changed", "modified")],
    ),
    Scenario(
        "C1 its device is deactivated", lambda w: {"config": new_config(w, config=interface("eth0"))},
        lambda w: w.config.device.deactivate(),
        [Expected(STATUS), Expected("config_deactivating", {"previous_status": "modified"}),
         Expected("device_deactivated")],
    ),
    Scenario(
        "C1 created, edited and given templates in one batch", extra,
        lambda w: transaction_of(lambda: (
            c := new_config(w), save(c, config=interface("eth8")), c.templates.add(w.template))), [],
    ),
    Scenario(
        "C8 edit undone, edited again", applied, lambda w: undone(fresh(w.config), config=interface("eth9")),
        [modified("config_changed"), Expected(STATUS)] * 2,
    ),
    Scenario(
        "C9 configuration and templates in one batch", extra,
        lambda w: transaction_of(lambda: (
            save(fresh(w.config), config=interface("eth9")), fresh(w.config).templates.add(w.template))),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "C9 templates and configuration in one batch", extra,
        lambda w: transaction_of(lambda: (
            fresh(w.config).templates.add(w.template), save(fresh(w.config), config=interface("eth9")))),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "C9 edited and taken back in one batch", applied,
        lambda w: transaction_of(lambda: (
            save(fresh(w.config), context={"port": "eth1"}), save(fresh(w.config), context={"port": "eth0"}))), [],
    ),
    Scenario(
        "C4 one field saved, others changed in memory", applied,
        lambda w: assign(fresh(w.config), config=interface("eth9"), status="error").save(update_fields=["modified"]),
        [],
    ),
    Scenario(
        "C2 configuration not loaded, then assigned", applied,
        lambda w: save(Config.objects.defer("config").get(pk=w.config.pk), config=interface("eth9")),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "M3 remove from the template's side", with_template(),
        lambda w: w.template.config_relations.remove(w.config), [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "M5 clear from the template's side", with_template(), lambda w: w.template.config_relations.clear(), [],
    ),
    Scenario(
        "M5 clear while the group's variables wait to be compiled",
        lambda w: {"config": group_variable(w)["config"]},
        lambda w: (save(fresh(w.config).device.group, context={"p": "eth3"}), fresh(w.config).templates.clear()),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "T1 two devices", two_users, lambda w: save(w.template, config=interface("eth6")),
        lambda w: sorted_by_pk(w.configs, STATUS, MODIFIED),
    ),
    Scenario(
        "T1 edited to what has no effect on the device",
        lambda w: {**two_users(w), "other": make.config(
            w.organization, config=interface("eth5", mtu=1400),
            templates=[make.template(w.organization, "t", config=interface("eth5", mtu=1500))], status="applied")},
        lambda w: save(w.other.templates.get(), config=interface("eth5", mtu=1300)),
        [modified("related_template_changed")],
    ),
    Scenario(
        "T1 edited, the device edited before it is compiled", with_template(),
        lambda w: (save(w.template, config=interface("eth6")), save(fresh(w.config), config=interface("eth9"))),
        [modified("config_changed"), Expected(STATUS), modified("related_template_changed", "modified")],
    ),
    Scenario(
        "T1 same content by itself, another one with the device's variables",
        lambda w: _with_values(w, using("p"), {"p": "1", "q": "1"}, {"p": "2", "q": "3"}),
        lambda w: save(w.template, config=using("q")), [Expected(STATUS), modified("related_template_changed")],
    ),
    Scenario(
        "T1 content overwritten by an old instance", with_template(),
        lambda w: transaction_of(lambda: (
            save(Template.objects.get(pk=w.template.pk), config=interface("eth6")), w.template.save())),
        [modified("related_template_changed")],
    ),
    Scenario("T5 template created as default", applied,
        lambda w: make.template(w.organization, default=True, config=interface("eth3")),
        [modified("m2m_templates_changed"), Expected(STATUS)]),
    Scenario(
        "held: edited", lambda w: {"config": save(applied(w)["config"], release_policy="held")},
        lambda w: save(fresh(w.config), config=interface("eth1")), [],
    ),
    Scenario(
        "held: lifted", lifted, lambda w: save(w.config, release_policy="automatic"),
        [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "held: lifted, nothing waits", lambda w: {"config": save(applied(w)["config"], release_policy="held")},
        lambda w: save(fresh(w.config), release_policy="automatic"), [],
    ),
    Scenario(
        "held: deactivated", lifted, lambda w: w.config.device.deactivate(),
        [Expected(STATUS), Expected("config_deactivating", {"previous_status": "applied"}),
         Expected("device_deactivated")],
    ),
    Scenario(
        "G3 group and organization changed at once",
        lambda w: {**two_groups(w), "other": make.organization()},
        lambda w: save(w.device, organization=w.other, group=make.group(
            w.other, templates=[make.template(w.other, config=interface("eth7"))])),
        [Expected("group_templates_changed"), modified("m2m_templates_changed"), Expected(STATUS),
         Expected("device_group_changed")],
    ),
    Scenario(
        "O1 settings of the organization deleted", organization_variable_set,
        lambda w: w.organization.config_settings.delete(), [modified("config_changed"), Expected(STATUS)],
    ),
    Scenario(
        "O1 inactive organization", organization_variable, lambda w: save(w.organization, is_active=False), [],
    ),
]  # fmt: skip


def new_config(world: World, **fields: Any) -> Config:
    """A configuration just created, as the instance that created it."""
    config = Config(device=make.device(world.organization), backend=make.BACKEND, **fields)
    config.save()
    return config


def _with_values(world: World, content: Any, defaults: Any, variables: Any) -> dict[str, Any]:
    template = make.template(world.organization, config=content, default_values=defaults)
    config = make.config(world.organization, context=variables, templates=[template], status="applied")
    return {"template": template, "config": config}


def sorted_by_pk(configs: list[Config], *names: str) -> list[Expected]:
    return [Expected(name, {"instance": c}) for c in sorted(configs, key=lambda c: c.pk) for name in names]


ALL = [
    *CONFIG_SCENARIOS, *DEVICE_SCENARIOS, *STATUS_SCENARIOS, *VALUE_SCENARIOS, *GROUP_SCENARIOS, *COMPOUND_SCENARIOS,
]  # fmt: skip
