"""From inputs to what devices fetch: whatever changes, the checksum is that of the download."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from openwisp_controller import rendering
from openwisp_controller.common.wakeup import intercepted
from openwisp_controller.config import maintenance
from openwisp_controller.config.compiling import compiler
from openwisp_controller.config.models import Cause, Config, Device, DeviceGroup, Revision, Template

from .. import factories as make
from .scenarios import OTHER_BACKEND, fresh, interface, save, using

pytestmark = pytest.mark.django_db
VARIABLES = ("x", "name", "mac_address", "key", "id")


class Fleet:
    """A device all of whose inputs matter, over HTTP."""

    def __init__(self, organization: Any, client: Client) -> None:
        self.client = client
        self.organization = organization
        content = {"general": {"description": " ".join("{{ " + name + " }}" for name in VARIABLES)}}
        self.template = make.template(organization, config=content)
        self.group = make.group(organization)
        self.device = make.device(organization, group=self.group)
        make.config(self.device, templates=[self.template])

    @property
    def config(self) -> Config:
        return Config.objects.select_related("device").get(device=self.device)

    def get(self, action: str) -> bytes:
        device = Device.objects.get(pk=self.device.pk)
        response = self.client.get(f"/controller/{action}/{device.pk.hex}/", {"key": device.key})
        assert response.status_code == 200
        return response.content

    def checksum(self) -> str:
        """The checksum that is served, which must be that of what is served."""
        checksum = self.get("checksum").decode()
        assert hashlib.md5(self.get("download-config")).hexdigest() == checksum
        return checksum


@pytest.fixture
def fleet(organization: Any, client: Client) -> Fleet:
    return Fleet(organization, client)


CHANGES: dict[str, Callable[[Fleet], Any]] = {
    "configuration": lambda f: save(f.config, config=interface("eth0")),
    "variables": lambda f: save(f.config, context={"x": "1"}),
    "name": lambda f: save(f.device, name="another"),
    "mac address": lambda f: save(f.device, mac_address="02:aa:aa:aa:aa:aa"),
    "key": lambda f: save(f.device, key="k" * 32),
    "backend": lambda f: save(f.config, backend=OTHER_BACKEND),
    "templates added": lambda f: f.config.templates.add(make.template(f.organization)),
    "templates removed": lambda f: f.config.templates.remove(f.template),
    "templates cleared": lambda f: (f.config.templates.clear(), f.config.templates.add(make.template(f.organization))),
    "templates set": lambda f: f.config.templates.set([]),
    "template edited": lambda f: save(f.template, config=interface("eth0")),
    "template's default values": lambda f: save(f.template, default_values={"x": "1"}),
    "template's backend": lambda f: save(f.template, backend=OTHER_BACKEND),
    "template deleted": lambda f: f.template.delete(),
    "templates deleted in bulk": lambda f: Template.objects.all().delete(),
    "template made by default": lambda f: make.template(f.organization, default=True),
    "group's variables": lambda f: save(f.group, context={"x": "1"}),
    "group's templates": lambda f: f.group.templates.set([make.template(f.organization)]),
    "another group": lambda f: save(f.device, group=make.group(f.organization, context={"x": "1"})),
    "group deleted": lambda f: (DeviceGroup.objects.filter(pk=f.group.pk).update(context={"x": "1"}), f.group.delete()),
    "organization's variables": lambda f: save(f.organization.config_settings, context={"x": "1"}),
    "another organization": lambda f: save(f.device, organization=make.organization()),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_checksum_is_that_of_the_download_after_every_change(fleet: Fleet, committing: Any, change: str) -> None:
    before = fleet.checksum()
    if change == "group deleted":  # that by itself must matter
        with committing():
            save(fleet.group, context={"x": "1"})
        before = fleet.checksum()
    with committing():
        CHANGES[change](fleet)
    checksum = fleet.checksum()
    assert checksum == fleet.config.checksum == fleet.config.checksum_db == fleet.config.get_cached_checksum()
    assert checksum != before


def test_operating_system_chooses_the_syntax(fleet: Fleet) -> None:
    save(fleet.config, config={"interfaces": [{"name": "br0", "type": "bridge", "bridge_members": ["eth0"]}]})
    texts = {}
    for os in ("OpenWrt 23.05", "OpenWrt 19.07"):
        save(fleet.device, os=os)
        texts[os] = fleet.config.render()
        assert fleet.checksum() == fleet.config.checksum
    assert "config device" in texts["OpenWrt 23.05"]
    assert "config device" not in texts["OpenWrt 19.07"]


@pytest.mark.parametrize(("os", "dsa"), [
    ("", True), ("OpenWrt 21.02", True), ("openwrt 23.05.3 r1", True), ("OpenWrt 19.07.2", False),
    ("OpenWrt 18", False), ("MyFirmware 2.0", True), ("MyFirmware 1.9", False), ("Other", True), ("LEDE 17.01", True),
])  # fmt: skip
@pytest.mark.parametrize("fallback", [True, False])
def test_syntax(settings: Any, os: str, dsa: bool, fallback: bool) -> None:
    settings.OPENWISP_CONTROLLER_DSA_DEFAULT_FALLBACK = fallback
    settings.OPENWISP_CONTROLLER_DSA_OS_MAPPING = {
        "netjsonconfig.OpenWrt": {">=21.02": [r"MyFirmware 2\..*"], "<21.02": [r"MyFirmware 1\..*"]}
    }
    from openwisp_controller.config.compiling.dsa import uses_dsa

    known = os.startswith(("OpenWrt", "openwrt", "My"))
    assert uses_dsa(os) is (dsa if known else fallback)


class TestHostname:
    @pytest.mark.parametrize(("name", "own", "of_template", "expected"), [
        ("router", {}, {}, "router"),
        ("02:11:22:33:44:55", {}, {}, "02-11-22-33-44-55"),
        ("router", {"general": {"hostname": "own"}}, {"general": {"hostname": "theirs"}}, "own"),
        ("router", {}, {"general": {"hostname": "theirs"}}, "theirs"),
        ("router", {}, {"general": {"hostname": "ap-{{ name }}"}}, "ap-router"),
    ])  # fmt: skip
    def test_follows_the_name(self, organization: Any, name: str, own: Any, of_template: Any, expected: str) -> None:
        templates = (
            [make.template(organization, config=of_template, default_values={"name": "x"})] if of_template else []
        )
        config = make.config(make.device(organization, name), config=own, templates=templates)
        assert f"option hostname '{expected}'" in config.render()


class TestBrokenTemplate:
    """A template breaks with the variables of some devices."""

    @pytest.fixture
    def template(self, organization: Any) -> Template:
        return make.template(organization, "mac", config=interface("eth0"), default_values={"m": "02:00:00:00:00:01"})

    @pytest.fixture
    def configs(self, organization: Any, template: Template) -> dict[str, Config]:
        return {
            "broken": make.config(organization, templates=[template], context={"m": "no"}, status="applied"),
            "fine": make.config(organization, templates=[template], status="applied"),
            "other": make.config(organization, status="applied"),
        }

    @pytest.fixture
    def broken(self, template: Template, configs: dict[str, Config], committing: Any) -> Config:
        with committing():
            save(template, config=interface("eth0", mac="{{ m }}"))
        return fresh(configs["broken"])

    def test_only_its_devices_are_in_error(self, broken: Config, configs: dict[str, Config]) -> None:
        assert {name: fresh(config).status for name, config in configs.items()} == {
            "broken": "error", "fine": "modified", "other": "applied",
        }  # fmt: skip
        assert [config.compile_error for config in Config.objects.exclude(pk=broken.pk)] == ["", ""]

    def test_blame(self, broken: Config) -> None:
        assert broken.error_reason == broken.compile_error
        assert 'Template "mac" makes the configuration invalid at "#/interfaces/0' in broken.error_reason
        assert broken.error_reason.endswith("Variables used there: m.")

    def test_last_good_revision_is_served(self, broken: Config, configs: dict[str, Config], client: Client) -> None:
        key = {"key": broken.device.key}
        served = client.get(f"/controller/checksum/{broken.device_id.hex}/", key).content.decode()
        archive = client.get(f"/controller/download-config/{broken.device_id.hex}/", key).content
        assert served == configs["broken"].checksum == hashlib.md5(archive).hexdigest()

    @pytest.mark.parametrize("how", ["template", "variable", "unassigned"])
    def test_mended(self, broken: Config, template: Template, committing: Any, how: str) -> None:
        before = broken.checksum
        with committing():
            if how == "template":
                save(template, config=interface("eth1"))
            elif how == "variable":
                save(broken, context={})
            else:
                broken.templates.remove(template)
        assert (fresh(broken).status, fresh(broken).error_reason, fresh(broken).compile_error) == ("modified", "", "")
        assert fresh(broken).checksum != before

    @pytest.mark.parametrize(("downloaded", "applied", "status"), [
        (True, True, "applied"), (False, True, "applied"), (True, False, "modified"), (False, False, "modified"),
    ])  # fmt: skip
    def test_mended_to_what_was(
        self, broken: Config, template: Template, committing: Any, downloaded: bool, applied: bool, status: str
    ) -> None:
        """The device has nothing to fetch, so it will not report again: what it proved must be remembered."""
        released = broken.released
        Config.objects.filter(pk=broken.pk).update(
            downloaded=released if downloaded else None, applied=released if applied else None
        )
        with committing():
            save(template, config=interface("eth0"))
        assert (fresh(broken).status, fresh(broken).released) == (status, released)


def test_configuration_that_fails_unexpectedly_stops_no_other(
    organization: Any, committing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = make.template(organization)
    configs = [make.config(organization, templates=[template], context={"n": n}) for n in range(3)]
    render = rendering.Stack.render

    def stumble(stack: rendering.Stack, config: Any, variables: Any) -> rendering.Archive:
        if variables.get("n") == 1:
            raise LookupError("out of luck")
        return render(stack, config, variables)

    monkeypatch.setattr(rendering.Stack, "render", stumble)
    monkeypatch.setattr(rendering, "explain", stumble)
    with committing():
        save(template, config=interface("eth9"))
    found = [fresh(config) for config in configs]
    assert [config.status for config in found] == ["modified", "error", "modified"]
    assert "out of luck" in found[1].compile_error
    assert [fresh(c).checksum == c.checksum for c in configs] == [False, True, False]


@pytest.mark.parametrize("stored", [{"config": [1]}, {"config": {"general": "x"}}, {"config": {"interfaces": 5}}])
def test_malformed_configuration_stops_no_other(organization: Any, stored: Any) -> None:
    """As it may have been stored by other means than forms."""
    broken, fine = make.config(organization), make.config(organization, config=using("x"))
    Config.objects.filter(pk=broken.pk).update(**stored)
    organization.config_settings.context = {"x": "1"}
    organization.config_settings.save()
    maintenance.compile_stale()
    assert (fresh(broken).status, fresh(fine).status) == ("error", "modified")
    assert fresh(broken).compile_error
    assert fresh(fine).checksum != fine.checksum


@pytest.mark.parametrize("text", ["\ud800", "a\x00b"])
def test_text_that_cannot_be_stored_stops_nothing(organization: Any, settings: Any, text: str) -> None:
    config = make.config(organization, config=interface("eth0", mac="{{ m }}"), context={"m": "02:00:00:00:00:01"})
    settings.OPENWISP_CONTROLLER_CONTEXT = {"m": text}
    save(config, context={})
    assert fresh(config).status == "error"
    assert text not in fresh(config).compile_error


class TestBackAndForth:
    """A change is taken back: A → B → A."""

    def change(self, config: Config) -> None:
        save(config, config=interface("eth1"))
        save(config, config=interface("eth0"))

    @pytest.mark.parametrize(("downloaded", "status"), [("A", "applied"), (None, "applied"), ("B", "modified")])
    def test_status(self, organization: Any, downloaded: str | None, status: str) -> None:
        config = make.config(organization, config=interface("eth0"))
        first = config.released
        Config.objects.filter(pk=config.pk).update(status="applied", applied=first)
        config = save(fresh(config), config=interface("eth1"))
        pointer = {"A": first, "B": config.released, None: None}[downloaded]
        Config.objects.filter(pk=config.pk).update(downloaded=pointer)
        config = save(fresh(config), config=interface("eth0"))
        assert (config.status, config.checksum) == (status, first.checksum if first else None)
        assert config.released != first

    def test_every_step_is_kept(self, organization: Any) -> None:
        config = make.config(organization, config=interface("eth0"))
        self.change(config)
        causes = list(config.revisions.order_by("pk").values_list("cause", "detail"))
        assert causes == [
            (Cause.CREATED, "configuration created"),
            (Cause.EDITED, "configuration or variables edited"),
            (Cause.EDITED, "configuration or variables edited"),
        ]
        checksums = list(config.revisions.order_by("pk").values_list("checksum", flat=True))
        assert checksums[0] == checksums[2] != checksums[1]


class TestHeld:
    @pytest.fixture
    def held(self, organization: Any) -> Config:
        config = make.config(organization, config=interface("eth0"), status="applied")
        return save(config, release_policy=Config.Release.HELD)

    def test_changes_are_compiled_but_not_released(self, held: Config) -> None:
        before = (held.status, held.released, held.checksum)
        save(held, config=interface("eth1"))
        assert (held.status, held.released, held.checksum) == before
        assert held.compiled not in (None, held.released)

    def test_lifted(self, held: Config) -> None:
        save(held, config=interface("eth1"))
        save(fresh(held), release_policy=Config.Release.AUTOMATIC)
        held.refresh_from_db()
        assert (held.status, held.released) == ("modified", held.compiled)

    def test_lifted_together_with_an_edit(self, held: Config) -> None:
        save(held, config=interface("eth1"))
        save(held, release_policy=Config.Release.AUTOMATIC, config=interface("eth2"))
        assert (held.status, held.released) == ("modified", held.compiled)
        assert "eth2" in held.render()

    def test_errors_do_not_show_in_the_status(self, held: Config) -> None:
        save(held, config={"interfaces": 1})
        assert (held.status, held.error_reason) == ("applied", "")
        assert held.compile_error

    def test_deactivated(self, held: Config, committing: Any) -> None:
        """Also a device held at something wipes itself, even when what was compiled meanwhile is empty."""
        save(held, config={})
        held.device.deactivate()
        held.refresh_from_db()
        assert (held.status, held.released, held.release_policy) == ("deactivating", held.compiled, "automatic")

    def test_new_configuration_is_released_once(self, organization: Any) -> None:
        config = make.config(organization, release_policy=Config.Release.HELD)
        assert config.released == config.compiled is not None


class TestMarks:
    def test_nothing_is_compiled_in_the_request(self, organization: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        template = make.template(organization, "lan")
        config = make.config(organization, templates=[template])
        with intercepted(), transaction.atomic():
            save(template, config=interface("eth9"))
        config.refresh_from_db()
        assert config.stale_since is not None
        assert (config.stale_cause, config.stale_detail) == (Cause.TEMPLATE, 'template "lan"')

    @pytest.mark.parametrize(("first", "second", "kept"), [
        (Cause.TEMPLATE, Cause.INPUTS, Cause.TEMPLATE), (Cause.INPUTS, Cause.TEMPLATE, Cause.TEMPLATE),
        (Cause.INPUTS, Cause.CLEARED, Cause.INPUTS), (Cause.CLEARED, Cause.INPUTS, Cause.INPUTS),
        (Cause.TEMPLATES, Cause.INPUTS, Cause.INPUTS), (Cause.TEMPLATES, Cause.CREATED, Cause.TEMPLATES),
    ])  # fmt: skip
    def test_of_two_causes_the_one_that_is_announced_stays(
        self, organization: Any, first: Cause, second: Cause, kept: Cause
    ) -> None:
        config = make.config(organization)
        for cause in (first, second):
            assert Config.mark_stale(Config.objects.filter(pk=config.pk), cause) == 1
        assert fresh(config).stale_cause == kept

    def test_direct_edit_forgets_the_mark_that_it_makes_good(self, organization: Any) -> None:
        config = make.config(organization)
        Config.mark_stale(Config.objects.all(), Cause.INPUTS)
        save(fresh(config), config=interface("eth0"))
        assert fresh(config).stale_since is None

    def test_compiling_the_stale_ones(self, organization: Any) -> None:
        configs = [make.config(organization) for _ in range(3)]
        Config.mark_stale(Config.objects.exclude(pk=configs[0].pk), Cause.INPUTS)
        assert maintenance.compile_stale() == 2
        assert maintenance.compile_stale() == 0
        assert not Config.objects.filter(stale_since__isnull=False).exists()

    def test_in_several_chunks(self, organization: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(5):
            make.config(organization)
        monkeypatch.setattr(maintenance, "CHUNK", 2)
        maintenance.recompute()
        assert maintenance.compile_stale(limit=2) == 2
        assert maintenance.compile_stale() == 3

    def test_equal_result_adds_no_revision(self, organization: Any) -> None:
        make.config(organization)
        maintenance.recompute()
        maintenance.compile_stale()
        assert Revision.objects.count() == 1

    def test_recompute_leaves_deactivated_devices_alone(self, organization: Any) -> None:
        make.config(organization).device.deactivate()
        assert maintenance.recompute() == 0


def test_restored_rows_are_compiled(organization: Any, committing: Any) -> None:
    """Fixtures and earlier versions are stored without our code being asked."""
    template = make.template(organization)
    config = make.config(organization, templates=[template], status="applied")
    old = Template.objects.get(pk=template.pk)
    with committing():
        save(template, config=interface("eth8"))
    assert fresh(config).checksum != config.checksum
    with committing():
        old.save_base(raw=True)
    assert fresh(config).checksum == config.checksum


def test_restored_configuration_keeps_what_the_compiler_and_the_device_wrote(
    organization: Any, committing: Any
) -> None:
    old = make.config(organization, config=interface("eth0"), status="applied")
    checksum = old.checksum
    save(fresh(old), config=interface("eth1"))
    with committing():
        old.save_base(raw=True)
    assert (fresh(old).status, fresh(old).config) == ("modified", interface("eth0"))
    assert fresh(old).checksum == checksum
    assert fresh(old).released == fresh(old).compiled


class TestValidation:
    def test_error_reason_is_shortened(self, organization: Any) -> None:
        config = make.config(organization)
        config.error_reason = "x" * 2000
        config.full_clean()
        assert config.error_reason == "x" * 1012 + "\n[truncated]"

    @pytest.mark.parametrize(("fields", "field", "message"), [
        ({"context": [1]}, "context", "the supplied value is not a JSON object"),
        ({"context": "x"}, "context", "the supplied value is not a JSON object"),
        ({"config": [1]}, "config", "Unexpected configuration format."),
        ({"backend": "x"}, "backend", "Value 'x' is not a valid choice."),
        ({"config": {"interfaces": 1}}, "__all__",
         'Invalid configuration triggered by "#/interfaces", validator says:\n\n1 is not of type \'array\''),
    ])  # fmt: skip
    def test_messages(self, organization: Any, fields: Any, field: str, message: str) -> None:
        from django.core.exceptions import ValidationError

        config = make.config(organization)
        for name, value in fields.items():
            setattr(config, name, value)
        with pytest.raises(ValidationError) as caught:
            config.full_clean()
        assert message in caught.value.message_dict[field][0]

    def test_templates_count(self, organization: Any) -> None:
        template = make.template(organization, config=using("m"), default_values={"m": "02:00:00:00:00:01"})
        config = make.config(organization, templates=[template])
        config.config = interface("eth0", mac="{{ m }}")
        config.full_clean()
        assert compiler.check(config, [template]) is None
        assert compiler.check(config, []) is not None

    def test_empty_values_are_objects(self, organization: Any) -> None:
        config = make.config(organization)
        config.config = config.context = None
        config.full_clean()
        config.save()
        assert (fresh(config).config, fresh(config).context) == ({}, {})
