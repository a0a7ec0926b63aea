"""Which templates a configuration has, in which order, and who may change that."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models.signals import m2m_changed

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Config, Device, Job, Template
from openwisp_controller.config.unit_of_work import unit_of_work

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import OTHER_BACKEND, fresh, interface, save

pytestmark = pytest.mark.django_db


def names(config: Config | Device) -> list[str]:
    """The names of the templates of a configuration, first to last, as stored."""
    of = {"device": config} if isinstance(config, Device) else {"pk": config.pk}
    return [template.name for template in Config.objects.get(**of).templates.all()]


class TestNewConfiguration:
    def test_required_first_then_by_name(self, organization: Any) -> None:
        for name, shared, flags in (
            ("b", False, {"default": True}), ("a", True, {"default": True}), ("z", True, {"required": True}),
            ("y", False, {"required": True}), ("unflagged", False, {}),
        ):  # fmt: skip
            make.template(None if shared else organization, name, **flags)
        make.template(organization, "another backend", default=True, backend=OTHER_BACKEND)
        make.template(make.organization(), "foreign", default=True)
        assert names(make.config(organization)) == ["y", "z", "a", "b"]

    def test_required_without_default(self, organization: Any) -> None:
        """As it may have been stored by other means."""
        template = make.template(organization, "r")
        Template.objects.filter(pk=template.pk).update(required=True, default=False)
        assert names(make.config(organization)) == ["r"]

    def test_templates_of_the_group_come_last_in_its_order(self, organization: Any) -> None:
        shared = make.template(organization, "d", default=True)
        listed = [make.template(organization, name) for name in ("z", "y")]
        other = make.template(organization, "other", backend=OTHER_BACKEND)
        group = make.group(organization, templates=[*listed, shared, other])
        assert names(make.device(organization, group=group)) == ["d", "z", "y"]

    def test_group_without_templates_of_the_backend(self, organization: Any) -> None:
        group = make.group(organization, templates=[make.template(organization, backend=OTHER_BACKEND)])
        assert not make.device(organization, group=group)._has_config()

    def test_no_backend_for_the_group(self, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_DEFAULT_BACKEND = None
        group = make.group(organization, templates=[make.template(organization)])
        device = make.device(organization, group=group)
        assert not Device.objects.get(pk=device.pk)._has_config()

    def test_deactivated_device(self, organization: Any) -> None:
        make.template(organization, default=True)
        device = make.device(organization)
        device.deactivate()
        assert names(make.config(device)) == []


class TestRefused:
    @pytest.mark.parametrize("edit", ["add", "set"])
    def test_foreign(self, organization: Any, edit: str) -> None:
        other = make.organization()
        foreign = [make.template(other, "x"), make.template(other, "y")]
        config = make.config(organization, templates=[make.template(organization, "own")])
        with pytest.raises(ValidationError) as caught:
            config.templates.add(*foreign) if edit == "add" else config.templates.set(foreign)
        assert sorted(caught.value.messages[0].rpartition(": ")[2].split(", ")) == ["x", "y"]
        assert caught.value.messages[0].startswith(
            "The following templates are owned by organizations which do not match the organization of this"
            " configuration: "
        )
        assert names(config) == ["own"]

    @pytest.mark.parametrize("edit", ["add", "set"])
    def test_another_backend(self, organization: Any, edit: str) -> None:
        config = make.config(organization)
        template = make.template(organization, "x", backend=OTHER_BACKEND)
        with pytest.raises(ValidationError, match="made for another backend than this configuration: x"):
            config.templates.add(template) if edit == "add" else config.templates.set([template])

    @pytest.mark.parametrize("edit", [
        lambda config, present, added: config.templates.add(added),
        lambda config, present, added: config.templates.set([present, added]),
        lambda config, present, added: added.config_relations.add(config),
    ], ids=["add", "set", "from the template's side"])  # fmt: skip
    def test_conflict_with_what_is_there(self, organization: Any, edit: Any) -> None:
        valid, invalid = {"mac": "02:11:22:33:44:55"}, {"mac": "bad"}
        present = make.template(
            organization, "present", config=interface("eth0", mac="{{ mac }}"), default_values=valid
        )
        added = make.template(organization, "added", config=interface("eth1"), default_values=invalid)
        config = make.config(organization, templates=[present], status="applied")
        with pytest.raises(ValidationError, match=r"There is a conflict with the specified templates\. Invalid config"):
            edit(config, present, added)
        assert names(config) == ["present"]
        assert fresh(config).status == "applied"

    def test_conflict_that_was_there_before(self, organization: Any, committing: Any) -> None:
        """What is broken anyway may be mended in any order."""
        config = make.config(organization, templates=[make.template(organization, "a")])
        Config.objects.filter(pk=config.pk).update(config={"interfaces": 1})
        fresh(config).templates.add(make.template(organization, "b"))
        assert names(config) == ["a", "b"]

    def test_caught_in_a_transaction(self, organization: Any) -> None:
        config = make.config(organization)
        with pytest.raises(ValidationError):
            config.templates.add(make.template(make.organization()))
        config.templates.add(make.template(organization, "mine"))
        assert names(config) == ["mine"]


class TestClear:
    """Packages clear lists to write them again: nothing happens before they did."""

    @pytest.fixture
    def config(self, organization: Any, committing: Any) -> Config:
        with committing():
            templates = [make.template(organization), make.vpn_template(make.vpn(organization))]
            config = make.config(organization, templates=templates)
        Config.objects.update(status="applied")
        Job.objects.all().delete()  # second looks wait for the end of the test's own transaction
        return fresh(config)

    def test_nothing_follows(self, config: Config, committing: Any, recorded: SignalRecorder) -> None:
        before, client = config.checksum, config.vpnclient_set.get()
        recorded.clear()
        with committing():
            config.templates.clear()
        maintenance.reconcile()
        assert recorded.names == []
        assert (fresh(config).status, fresh(config).checksum) == ("applied", before)
        assert config.vpnclient_set.get() == client
        with committing():
            config.templates.set([])
        assert recorded.only("config_modified").previous_status == "applied"
        assert fresh(config).checksum != before
        assert not config.vpnclient_set.exists()

    def test_the_same_again(self, config: Config, committing: Any, recorded: SignalRecorder) -> None:
        templates, client, before = list(config.templates.all()), config.vpnclient_set.get(), config.checksum
        recorded.clear()
        with committing():
            config.templates.clear()
        with committing():
            config.templates.add(*templates)
        assert recorded.names == []
        assert (fresh(config).status, fresh(config).checksum) == ("applied", before)
        again = config.vpnclient_set.get()
        assert (again, again.public_key, again.ip) == (client, client.public_key, client.ip)

    def test_from_the_side_of_a_template(self, config: Config, committing: Any, recorded: SignalRecorder) -> None:
        template, before = config.templates.get(type="generic"), config.checksum
        recorded.clear()
        with committing():
            template.config_relations.clear()
        maintenance.reconcile()
        assert (fresh(config).status, fresh(config).checksum) == ("applied", before)
        with committing():
            template.config_relations.set([])
            fresh(config).templates.remove(template)
        assert recorded.only("config_modified").previous_status == "applied"
        assert fresh(config).checksum != before


class TestRequired:
    def test_cannot_be_removed(self, organization: Any) -> None:
        required = make.template(organization, "r", required=True)
        config = make.config(organization)
        for remove in (lambda: config.templates.remove(required), lambda: required.config_relations.remove(config)):
            with pytest.raises(PermissionDenied, match="Required templates cannot be removed from the configuration"):
                remove()
        with pytest.raises(PermissionDenied):
            required.config_relations.clear()
        assert names(config) == ["r"]

    def test_of_another_backend_can_be_removed(self, organization: Any) -> None:
        template = make.template(organization)
        config = make.config(organization, templates=[template])
        Template.objects.filter(pk=template.pk).update(required=True, backend=OTHER_BACKEND)
        fresh(config).templates.remove(Template.objects.get(pk=template.pk))
        assert names(config) == []

    @pytest.mark.parametrize("wanted", [[], ["x"], ["x", "r1"]])
    def test_is_put_back_first(self, organization: Any, wanted: list[str]) -> None:
        templates = {name: make.template(organization, name, required=True) for name in ("r2", "r1")}
        templates["x"] = make.template(organization, "x")
        config = make.config(organization, templates=[templates["x"]])
        config.templates.set([templates[name] for name in wanted])
        assert names(config) == ["r1", "r2", *(name for name in wanted if name == "x")]

    def test_is_put_back_when_cleared(self, organization: Any, committing: Any) -> None:
        make.template(organization, "r", required=True)
        config = make.config(organization, templates=[make.template(organization, "x")])
        before = config.checksum
        with committing():
            config.templates.clear()
        assert names(config) == ["r"]
        assert fresh(config).checksum == before, "until the next edit"
        config.templates.set(config.templates.all())
        assert fresh(config).checksum != before

    def test_deactivated_device_loses_it(self, organization: Any) -> None:
        make.template(organization, "r", required=True)
        config = make.config(organization)
        config.device.deactivate()
        assert names(config) == []


class TestOrder:
    def test_new_ones_go_last(self, organization: Any) -> None:
        a, b, c = (make.template(organization, name) for name in "abc")
        config = make.config(organization, templates=[c])
        config.templates.add(b, a)
        config.templates.add(c)
        assert names(config) == ["c", "b", "a"]

    def test_new_ones_go_last_from_the_templates_side(self, organization: Any) -> None:
        a, b, c = (make.template(organization, name) for name in "abc")
        configs = [make.config(organization, templates=[c]), make.config(organization)]
        b.config_relations.add(*configs)
        a.config_relations.set(configs)
        assert [names(config) for config in configs] == [["c", "b", "a"], ["b", "a"]]
        a.config_relations.set(configs[:1])
        assert [names(config) for config in configs] == [["c", "b", "a"], ["b"]]

    def test_later_ones_win(self, organization: Any) -> None:
        first, second = (make.template(organization, config=interface("eth0", mtu=mtu)) for mtu in (1400, 1500))
        config = make.config(organization, templates=[first, second])
        assert "mtu '1500'" in config.render()
        config.templates.set([second, first])
        assert "mtu '1400'" in config.render()
        assert fresh(config).checksum == config.checksum


class TestNewAutomaticTemplate:
    @pytest.mark.parametrize("flag", ["default", "required"])
    @pytest.mark.parametrize("created", [True, False])
    def test_given_to_all_that_it_suits(self, organization: Any, committing: Any, flag: str, created: bool) -> None:
        mine, other_backend = make.config(organization), make.config(organization, backend=OTHER_BACKEND)
        foreign, deactivated = make.config(make.organization()), make.config(organization)
        deactivated.device.deactivate()
        with committing():
            template = make.template(organization, "t", **({flag: True} if created else {}))
            if not created:
                save(template, **{flag: True})
        assert [names(config) for config in (mine, other_backend, foreign, deactivated)] == [["t"], [], [], []]

    def test_shared_one_is_given_to_every_organization(self, organization: Any, committing: Any) -> None:
        configs = [make.config(organization), make.config(make.organization())]
        with committing():
            make.template(None, "t", default=True)
        assert [names(config) for config in configs] == [["t"], ["t"]]

    def test_default_goes_last_required_behind_the_required_ones(self, organization: Any, committing: Any) -> None:
        make.template(organization, "r1", required=True)
        config = make.config(organization, templates=[make.template(organization, "x")])
        for name, flag in (("d", "default"), ("r2", "required")):
            with committing():
                make.template(organization, name, **{flag: True})
        assert names(config) == ["r1", "r2", "x", "d"]

    def test_those_that_have_it_keep_its_place(self, organization: Any, committing: Any) -> None:
        template = make.template(organization, "t")
        config = make.config(organization, templates=[template, make.template(organization, "x")])
        with committing():
            save(template, required=True)
        assert names(config) == ["t", "x"]

    def test_unflagged_before_it_is_given(self, organization: Any, committing: Any) -> None:
        config = make.config(organization)
        with committing():
            template = make.template(organization, "t", default=True)
            save(template, default=False)
        assert names(config) == []


class TestGroupChange:
    @pytest.fixture
    def group(self, organization: Any) -> Any:
        return make.group(organization, templates=[make.template(organization, name) for name in ("a", "b")])

    def test_swap(self, organization: Any, group: Any) -> None:
        device = make.device(organization, group=group)
        device.config.templates.add(make.template(organization, "own"))
        kept = group.templates.get(name="b")
        save(device, group=make.group(organization, templates=[make.template(organization, "c"), kept]))
        assert names(device) == ["b", "own", "c"]

    def test_required_templates_stay(self, organization: Any, group: Any, committing: Any) -> None:
        device = make.device(organization, group=group)
        with committing():
            save(group.templates.get(name="a"), required=True)
        save(Device.objects.get(pk=device.pk), group=None)
        assert names(device) == ["a"]

    def test_twice_in_a_batch(self, organization: Any, group: Any) -> None:
        device = make.device(organization, group=group)
        c, d = (make.group(organization, templates=[make.template(organization, name)]) for name in "cd")
        with unit_of_work():
            save(device, group=c)
            save(device, group=d)
        assert names(device) == ["d"]

    def test_while_an_edit_of_the_old_group_waits(self, organization: Any, group: Any, committing: Any) -> None:
        """Also templates that the device would soon have lost are left behind."""
        device = make.device(organization, group=group)
        with committing():
            group.templates.set([make.template(organization, "c")])
            save(Device.objects.get(pk=device.pk), group=None)
        assert names(device) == []

    def test_of_a_deactivated_device(self, organization: Any, group: Any) -> None:
        device = make.config(organization).device
        device.deactivate()
        save(device, group=group)
        assert names(device) == []
        device.activate()
        assert names(device) == ["a", "b"]


class TestBackendChange:
    def test_templates_of_the_group_and_required_ones_follow(self, organization: Any) -> None:
        listed = [make.template(organization, "a"), make.template(organization, "o", backend=OTHER_BACKEND)]
        make.template(organization, "r", backend=OTHER_BACKEND, required=True)
        device = make.device(organization, group=make.group(organization, templates=listed))
        assert names(device) == ["a"]
        save(device.config, backend=OTHER_BACKEND)
        assert names(device) == ["r", "o"]

    def test_what_does_not_fit_is_ignored(self, organization: Any) -> None:
        config = make.config(organization, templates=[make.template(organization, config=interface("eth7"))])
        save(config, backend=OTHER_BACKEND)
        assert "eth7" not in fresh(config).render()


class TestMove:
    def test_foreign_ones_go_automatic_ones_come(self, organization: Any) -> None:
        target = make.organization()
        for name, flag in (("r", "required"), ("d", "default")):
            make.template(target, name, **{flag: True})
        shared = [make.template(None, name) for name in ("s2", "s1")]
        config = make.config(organization, templates=[make.template(organization, "old"), *shared])
        save(config.device, organization=target)
        assert names(config) == ["r", "d", "s2", "s1"]

    def test_order_of_the_kept_ones_stays(self, organization: Any) -> None:
        shared = make.template(None, "shared")
        config = make.config(organization, templates=[shared])
        save(shared, default=True)
        make.template(None, "first", default=True)
        config.templates.set([shared, Template.objects.get(name="first")])
        save(fresh(config).device, organization=make.organization())
        assert names(config) == ["shared", "first"]

    @pytest.mark.parametrize("update_fields", [None, ["organization"]])
    def test_group_is_left(self, organization: Any, update_fields: list[str] | None) -> None:
        group = make.group(organization, templates=[make.template(organization)])
        device = make.device(organization, group=group)
        device.organization = make.organization()
        device.save(update_fields=update_fields)
        device.refresh_from_db()
        assert device.group is None
        assert names(device) == []


def test_every_edit_is_announced_to_receivers_of_m2m_changed(organization: Any) -> None:
    """Other packages hear of edits that are made in bulk as if the relation itself had been used."""
    a, b = make.template(organization, "a"), make.template(organization, "b")
    group = make.group(organization, templates=[a])
    device = make.device(organization, group=group)
    heard = []

    def hear(action: str, instance: Config, pk_set: set[Any], **kwargs: Any) -> None:
        heard.append((action, instance.device, pk_set))

    m2m_changed.connect(hear, sender=Config.templates.through)
    try:
        save(device, group=make.group(organization, templates=[b]))
    finally:
        m2m_changed.disconnect(hear, sender=Config.templates.through)
    removed, added = {a.pk}, {b.pk}
    assert heard == [
        ("pre_remove", device, removed),
        ("pre_add", device, added),
        ("post_remove", device, removed),
        ("post_add", device, added),
    ]


def test_receiver_edits_another_configuration(organization: Any) -> None:
    """Edits made while a bulk edit is announced count like any other."""
    template, other = make.template(organization), make.config(organization, config=interface("eth1"))
    group = make.group(organization, templates=[make.template(organization)])
    device = make.device(organization)
    checksum = other.checksum

    def follow(action: str, instance: Config, **kwargs: Any) -> None:
        if action == "post_add" and instance.device == device:
            other.templates.add(template)

    m2m_changed.connect(follow, sender=Config.templates.through)
    try:
        save(device, group=group)
    finally:
        m2m_changed.disconnect(follow, sender=Config.templates.through)
    assert fresh(other).checksum != checksum
