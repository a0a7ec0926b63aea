"""Scenarios at the edges: values saved twice, not loaded, undone or spelled differently; lists; several edits at once.

See ``scenarios.py``; the numbers are those of the sections about each signal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from django.db import transaction

from openwisp_controller.config.models import Config, Device, DeviceGroup, Template
from openwisp_controller.config.unit_of_work import unit_of_work

from .. import factories as make
from .scenarios import (
    MODIFIED,
    OTHER_BACKEND,
    RENAMED,
    STATUS,
    Expected,
    Scenario,
    World,
    applied,
    deactivated,
    extra,
    fresh,
    group_variable,
    in_status,
    interface,
    modified,
    organization_variable,
    organization_variable_set,
    save,
    two_groups,
    using,
    with_template,
)  # fmt: skip


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
        lambda w: (Device.objects.filter(pk=w.device.pk).update(group=w.group), w.group.delete()),
        [Expected("device_group_changed", {"group_id": None})],
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
        lambda w: transaction_of(lambda: make.group(w.organization, templates=[w.first])), [],
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
    with unit_of_work():
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


SCENARIOS = [*VALUE_SCENARIOS, *GROUP_SCENARIOS, *COMPOUND_SCENARIOS]
