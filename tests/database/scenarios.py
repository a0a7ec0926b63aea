"""Scenarios for the signals of configurations: what is there, what happens, what must be sent.

The identifiers are those of the decision table in the reference of the signals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from openwisp_controller.config.models import Config, Device
from openwisp_controller.config.unit_of_work import unit_of_work

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


def edit_and_set_again(world: World) -> None:
    """As the page of a device does."""
    with unit_of_work():
        config = fresh(world.config)
        save(config.device, name="renamed")
        config.templates.set([world.template])


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
    Scenario(
        "M5 clear, then the same again", with_template(),
        lambda w: (fresh(w.config).templates.clear(), fresh(w.config).templates.add(w.template)), [],
    ),
    Scenario(
        "M5 clear, then another", lambda w: {**with_template()(w), "other": make.template(w.organization)},
        lambda w: (fresh(w.config).templates.clear(), fresh(w.config).templates.add(w.other)),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "M5 clear, then nothing", with_template(),
        lambda w: (fresh(w.config).templates.clear(), fresh(w.config).templates.set([])),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "M5 clear from the template's side, then the same again", with_template(),
        lambda w: (w.template.config_relations.clear(), w.template.config_relations.add(w.config)), [],
    ),
    Scenario(
        "M5 set from the template's side", with_template(), lambda w: w.template.config_relations.set([], clear=True),
        [modified("m2m_templates_changed"), Expected(STATUS)],
    ),
    Scenario(
        "M7 set the same list, renamed at once", with_template(), edit_and_set_again,
        [Expected("device_name_changed"), modified("config_changed"), Expected(STATUS)],
    ),
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
        "G9 group deleted", group_variable, lambda w: w.group.delete(),
        [Expected("device_group_changed", {"group_id": None}), modified("config_changed"), Expected(STATUS)],
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

SCENARIOS = [*CONFIG_SCENARIOS, *DEVICE_SCENARIOS, *STATUS_SCENARIOS]
