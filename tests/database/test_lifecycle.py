"""Activation and deactivation, and what a status may become."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import fresh, interface, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(organization: Any) -> Config:
    template = make.template(organization, "t")
    device = make.device(organization, group=make.group(organization), management_ip="10.0.0.1")
    return make.config(device, config=interface("eth0"), context={"a": "b"}, templates=[template], status="applied")


def loaded(config: Config) -> Device:
    return Device.objects.get(pk=config.device_id)


class TestDeactivation:
    def test_empties_the_configuration_and_keeps_the_rest(self, config: Config) -> None:
        before = config.checksum
        config.device.deactivate()
        after = fresh(config)
        assert (after.config, after.context, after.status) == ({}, {"a": "b"}, "deactivating")
        assert not after.templates.exists()
        assert loaded(config).is_deactivated()
        assert loaded(config).group is not None
        assert loaded(config).management_ip == "10.0.0.1"
        assert "eth0" not in after.render()
        assert after.checksum != before

    def test_takes_the_address_when_it_is_complete(self, config: Config, recorded: SignalRecorder) -> None:
        config.device.deactivate()
        recorded.clear()
        fresh(config).set_status_deactivated()
        assert loaded(config).is_fully_deactivated()
        assert loaded(config).management_ip is None
        assert recorded.names == ["config_status_changed", "config_deactivated", "management_ip_changed"]
        assert recorded.only("management_ip_changed").old_management_ip == "10.0.0.1"

    @pytest.mark.parametrize("status", ["modified", "applied", "error"])
    def test_nothing_to_remove(self, organization: Any, status: str) -> None:
        device = make.device(organization, management_ip="10.0.0.1")
        config = make.config(device, status=status)
        config.device.deactivate()
        assert fresh(config).status == "deactivated"
        assert (loaded(config).management_ip, loaded(config).is_fully_deactivated()) == (None, True)

    def test_after_an_error(self, config: Config) -> None:
        config.set_status_error(reason="why")
        save(fresh(config), config={"interfaces": 1})
        assert fresh(config).compile_error
        loaded(config).deactivate()
        after = fresh(config)
        assert (after.status, after.error_reason, after.compile_error) == ("deactivating", "", "")

    def test_is_undone_as_a_whole(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        from openwisp_controller.config.compiling import compiler

        monkeypatch.setattr(compiler, "compile_configs", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            config.device.deactivate()
        assert not loaded(config).is_deactivated()
        assert (fresh(config).status, fresh(config).config) == ("applied", interface("eth0"))
        assert fresh(config).templates.count() == 1


class TestDeactivatedDevice:
    """Nothing that is edited reaches a deactivated device, and its status stays."""

    @pytest.fixture(params=["deactivating", "deactivated"])
    def gone(self, config: Config, request: Any) -> Config:
        config.device.deactivate()
        if request.param == "deactivated":
            fresh(config).set_status_deactivated()
        return fresh(config)

    @pytest.mark.parametrize("edit", [
        lambda c: save(c, config=interface("eth5")), lambda c: save(c, context={"x": "y"}),
        lambda c: c.templates.add(make.template(c.device.organization)),
        lambda c: c.templates.set([make.template(c.device.organization)]), lambda c: c.templates.clear(),
        lambda c: make.template(c.device.organization, required=True),
        lambda c: save(c.device.group, context={"x": "z"}),
        lambda c: c.device.group.templates.add(make.template(c.device.organization)),
        lambda c: save(c.device.organization.config_settings, context={"x": "z"}),
    ], ids=["configuration", "variables", "add", "set", "clear", "required", "group", "group templates",
            "organization"])  # fmt: skip
    def test_edits(self, gone: Config, committing: Any, edit: Any) -> None:
        with committing():
            edit(gone)
        assert (fresh(gone).status, fresh(gone).checksum) == (gone.status, gone.checksum)

    def test_rename_changes_the_hostname_only(self, gone: Config) -> None:
        save(gone.device, name="another")
        assert fresh(gone).status == gone.status
        assert "another" in fresh(gone).render()


class TestActivation:
    def test_gives_automatic_and_group_templates(self, config: Config, organization: Any, committing: Any) -> None:
        group = loaded(config).group
        config.device.deactivate()
        fresh(config).set_status_deactivated()
        with committing():
            make.template(organization, "d", default=True)
            make.template(organization, "r", required=True)
            group.templates.add(make.template(organization, "g"))
        loaded(config).activate()
        assert [template.name for template in fresh(config).templates.all()] == ["r", "d", "g"]
        assert (fresh(config).status, fresh(config).config) == ("modified", {})
        assert not loaded(config).is_deactivated()

    @pytest.mark.parametrize(("wiped", "status"), [(True, "applied"), (False, "modified")])
    def test_nothing_to_give(self, config: Config, wiped: bool, status: str) -> None:
        config.device.deactivate()
        if wiped:
            fresh(config).set_status_deactivated()
        loaded(config).activate()
        assert fresh(config).status == status

    def test_follows_again(self, config: Config) -> None:
        config.device.deactivate()
        loaded(config).activate()
        save(fresh(config), config=interface("eth7"))
        assert "eth7" in fresh(config).render()
        assert fresh(config).checksum != config.checksum


@pytest.mark.parametrize("status", Config.Status.values)
def test_whether_there_is_something_to_push(organization: Any, status: str) -> None:
    config = make.config(organization, status=status)
    assert config.can_be_updated() is (status != "applied")
    assert config.is_deactivating_or_deactivated() is status.startswith("deactivat")


@pytest.mark.parametrize("before", ["modified", "applied", "error"])
@pytest.mark.parametrize("to", ["applied", "error", "modified"])
def test_set_status(organization: Any, before: str, to: str) -> None:
    config = make.config(organization)
    Config.objects.filter(pk=config.pk).update(status=before, error_reason="earlier" if before == "error" else "")
    config = fresh(config)
    getattr(config, f"set_status_{to}")(**({"reason": "later"} if to == "error" else {}))
    assert (fresh(config).status, fresh(config).error_reason) == (to, "later" if to == "error" else "")
