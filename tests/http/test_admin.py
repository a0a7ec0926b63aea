"""The administration pages: they open, save a change once, say what is wrong, and know whose objects they show."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import reversion
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.config.models import Config, Device, DeviceGroup, Revision, Template

from .. import factories as make
from ..database.scenarios import MODIFIED, STATUS, fresh, interface, save
from ..recorder import SignalRecorder

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(organization: Organization) -> Config:
    device = make.device(organization, "router", group=make.group(organization, "roofs"))
    return make.config(device, templates=[make.template(organization, "wifi")], config=interface("eth0"))


def url(page: str, instance: Any = None) -> str:
    return reverse(f"admin:config_{page}", args=[instance.pk] if instance is not None else [])


def device_form(device: Device, templates: Any = (), **values: Any) -> dict[str, Any]:
    """What the browser posts for a device; ``values`` of its configuration start with ``config-0-``."""
    config = getattr(device, "config", None)
    form = {
        "name": device.name, "organization": device.organization_id, "mac_address": device.mac_address,
        "group": device.group_id or "", "key": device.key or "", "model": "", "os": "", "system": "", "notes": "",
        "management_ip": device.management_ip or "", "config-TOTAL_FORMS": 1,
        "config-INITIAL_FORMS": int(config is not None), "config-MIN_NUM_FORMS": 0, "config-MAX_NUM_FORMS": 1,
        "config-0-backend": make.BACKEND, "config-0-config": json.dumps(config.config if config else {}),
        "config-0-context": json.dumps(config.context if config else {}), "config-0-release_policy": "automatic",
        "deviceconnection_set-TOTAL_FORMS": 0, "deviceconnection_set-INITIAL_FORMS": 0,
        "config-0-templates": ",".join(str(template.pk) for template in templates),
    }  # fmt: skip
    if config is not None:
        form |= {"config-0-id": config.pk, "config-0-device": device.pk}
    return {**form, **values}


class TestManagementAddress:
    """An address leads to one device: only devices themselves move one, and only within their organization."""

    def post(self, client: Client, config: Config, address: str) -> Any:
        config.device.management_ip = address
        return client.post(url("device_change", config.device), device_form(config.device, config.templates.all()))

    def test_of_another_device(
        self, administrator: Client, root: Client, config: Config, organization: Organization, other: Organization
    ) -> None:
        make.device(organization, "neighbour", management_ip="10.0.0.1")
        make.device(other, "theirs", management_ip="10.0.0.2")
        assert "The device “neighbour” has this address already." in errors(
            self.post(administrator, config, "10.0.0.1")
        )
        answer = self.post(administrator, config, "10.0.0.2")
        assert "Another device has this address already." in errors(answer)
        assert "theirs" not in answer.content.decode()
        assert "The device “theirs” has this address already." in errors(self.post(root, config, "10.0.0.2"))
        assert self.post(administrator, config, "10.0.0.3").status_code == 302
        assert fresh(config).device.management_ip == "10.0.0.3"

    def test_in_networks_of_their_own(
        self, administrator: Client, config: Config, other: Organization, settings: Any
    ) -> None:
        settings.OPENWISP_CONTROLLER_SHARED_MANAGEMENT_IP_ADDRESS_SPACE = False
        make.device(other, "theirs", management_ip="10.0.0.2")
        assert self.post(administrator, config, "10.0.0.2").status_code == 302

    def test_another_edit_of_a_duplicate(
        self, administrator: Client, config: Config, organization: Organization
    ) -> None:
        Device.objects.filter(pk=config.device.pk).update(management_ip="10.0.0.1")
        make.device(organization, "neighbour", management_ip="10.0.0.1")
        assert self.post(administrator, config, "10.0.0.1").status_code == 302

    @pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "ff02::1"])
    def test_of_no_device(self, administrator: Client, config: Config, address: str) -> None:
        assert "Devices cannot be reached at this address" in errors(self.post(administrator, config, address))


def errors(response: Any) -> str:
    """The errors that a page shows, as text."""
    assert response.status_code == 200
    lists = re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', response.content.decode(), re.DOTALL)
    return " ".join(re.sub("<[^>]+>", " ", text) for text in lists)


def post_device(client: Client, device: Device, templates: Any = None, **values: Any) -> Any:
    if templates is None:
        templates = device.config.templates.all()
    return client.post(url("device_change", device), device_form(device, templates, **values))


@pytest.mark.parametrize("model", ["device", "template", "devicegroup", "revision"])
@pytest.mark.parametrize("who", ["root", "operator", "administrator"])
def test_pages_open(request: Any, config: Config, model: str, who: str) -> None:
    client = request.getfixturevalue(who)
    instance = {"device": config.device, "template": config.templates.get(), "devicegroup": config.device.group,
                "revision": config.released}[model]  # fmt: skip
    assert client.get(url(f"{model}_changelist")).status_code == 200
    assert client.get(url(f"{model}_changelist"), {"q": "router"}).status_code == 200
    assert client.get(url(f"{model}_change", instance)).status_code == 200
    assert client.get(url(f"{model}_history", instance)).status_code == 200
    added = client.get(url(f"{model}_add")).status_code
    assert added == (403 if model == "revision" else 200)


@pytest.mark.parametrize("page", ["device", "organization"])
def test_other_pages_open(root: Client, config: Config, page: str) -> None:
    if page == "device":
        config.device.deactivate()
        assert root.get(url("device_change", config.device)).status_code == 200
        assert root.get(url("device_recoverlist")).status_code == 200
    else:
        address = reverse("admin:openwisp_users_organization_change", args=[config.device.organization_id])
        assert b"shared_secret" in root.get(address).content


class TestSavingADevice:
    def test_nothing_changed(self, root: Client, config: Config, recorded: SignalRecorder) -> None:
        recorded.clear()
        assert post_device(root, config.device).status_code == 302
        assert recorded.names == []
        assert fresh(config).checksum == config.checksum

    @pytest.mark.parametrize(("values", "template", "action"), [
        ({"config-0-config": json.dumps(interface("eth7"))}, False, "config_changed"),
        ({}, True, "m2m_templates_changed"),
        ({"config-0-config": json.dumps(interface("eth7")), "config-0-context": '{"x": "1"}', "name": "another",
          "os": "OpenWrt 19.07"}, True, "config_changed"),
    ], ids=["configuration", "templates", "everything"])  # fmt: skip
    def test_one_change(
        self, root: Client, config: Config, recorded: SignalRecorder, values: Any, template: bool, action: str
    ) -> None:
        Config.objects.update(status="applied")
        templates = [*config.templates.all(), *([make.template(config.device.organization)] if template else [])]
        recorded.clear()
        assert post_device(root, config.device, templates, **values).status_code == 302
        emission = recorded.only(MODIFIED)
        assert (emission.action, emission.previous_status) == (action, "applied")
        assert len(recorded.of(STATUS)) == 1
        assert list(fresh(config).templates.all()) == templates
        assert fresh(config).released == fresh(config).compiled
        assert config.revisions.count() == 3

    def test_another_group(self, root: Client, config: Config, recorded: SignalRecorder) -> None:
        group = make.group(config.device.organization, templates=[make.template(config.device.organization, "mesh")])
        recorded.clear()
        assert post_device(root, config.device, group=group.pk).status_code == 302
        assert recorded.names == [MODIFIED, "device_group_changed"]
        assert [template.name for template in fresh(config).templates.all()] == ["wifi", "mesh"]

    def test_order_of_templates(self, root: Client, config: Config) -> None:
        templates = [make.template(config.device.organization), *config.templates.all()]
        for wanted in (templates, templates[::-1]):
            assert post_device(root, config.device, wanted).status_code == 302
            assert list(fresh(config).templates.all()) == wanted

    def test_required_templates_are_put_back(self, root: Client, config: Config, recorded: SignalRecorder) -> None:
        Template.objects.update(required=True, default=True)
        recorded.clear()
        assert post_device(root, config.device, []).status_code == 302
        assert recorded.names == []
        assert config.templates.count() == 1

    @pytest.mark.parametrize("chosen", [True, False])
    def test_added(self, root: Client, organization: Any, recorded: SignalRecorder, chosen: bool) -> None:
        """Without templates chosen it gets those it would get anyway."""
        make.template(organization, "default", default=True)
        templates = [make.template(organization, "chosen")] if chosen else []
        device = Device(organization=organization, name="new", mac_address="02:11:11:11:11:11")
        assert root.post(url("device_add"), device_form(device, templates)).status_code == 302
        config = Config.objects.get(device__name="new")
        assert [template.name for template in config.templates.all()] == (["chosen"] if chosen else ["default"])
        assert recorded.names == []
        assert config.revisions.count() == 1

    def test_added_in_a_group(self, root: Client, config: Config, recorded: SignalRecorder) -> None:
        group = make.group(config.device.organization, templates=list(config.templates.all()))
        device = Device(organization=group.organization, name="new", mac_address="02:11:11:11:11:11", group=group)
        assert root.post(url("device_add"), device_form(device)).status_code == 302
        assert Device.objects.get(name="new").config.templates.get().name == "wifi"
        assert recorded.of(MODIFIED) == []

    def test_moved(self, root: Client, config: Config, other: Organization) -> None:
        make.template(other, "required", required=True)
        form = {"organization": other.pk, "group": ""}
        assert "do not match the organization" in errors(post_device(root, config.device, **form))
        assert post_device(root, config.device, [], **form).status_code == 302
        assert [template.name for template in fresh(config).templates.all()] == ["required"]


class TestErrors:
    @pytest.mark.parametrize(("values", "message"), [
        ({"name": "not a name"}, "Must be either a valid hostname or mac address."),
        ({"mac_address": "bad"}, "Must be a valid mac address."),
        ({"key": "a b"}, "This value must not contain spaces, dots or slashes."),
        ({"management_ip": "bad"}, "Enter a valid IPv4 or IPv6 address."),
        ({"organization": ""}, "This field is required."),
        ({"config-0-config": "{"}, "Enter a valid JSON."),
        ({"config-0-config": "[1]"}, "Unexpected configuration format."),
        ({"config-0-context": "[1]"}, "the supplied value is not a JSON object"),
        ({"config-0-config": '{"interfaces": 1}'}, "Invalid configuration triggered by"),
        ({"config-0-backend": "x"}, "Select a valid choice."),
        ({"config-0-templates": "x"}, "is not a valid UUID"),
    ])  # fmt: skip
    def test_are_shown(self, root: Client, config: Config, values: Any, message: str) -> None:
        assert message in errors(post_device(root, config.device, **values))
        assert fresh(config).checksum == config.checksum
        assert fresh(config).config == interface("eth0")

    def test_stand_at_their_field(self, root: Client, config: Config) -> None:
        response = post_device(root, config.device, **{"config-0-config": '{"interfaces": 1}'})
        form = response.context["inline_admin_formsets"][0].formset.forms[0]
        assert set(form.errors) == {"config"}

    def test_new_device(self, root: Client, organization: Any) -> None:
        device = Device(organization=organization, name="x", mac_address="bad")
        form = device_form(device, **{"organization": "", "config-0-config": json.dumps(interface("eth0"))})
        assert "This field is required." in errors(root.post(url("device_add"), form))

    def test_template_of_another_backend(self, root: Client, config: Config) -> None:
        template = make.template(config.device.organization, "legacy", backend="netjsonconfig.OpenWisp")
        assert "made for another backend" in errors(post_device(root, config.device, [template]))

    def test_conflicting_templates(self, root: Client, config: Config) -> None:
        owner = config.device.organization
        templates = [
            make.template(owner, config=interface("eth3", mac="{{ m }}"), default_values={"m": "02:00:00:00:00:01"}),
            make.template(owner, config=interface("eth4"), default_values={"m": "bad"}),
        ]
        assert "Invalid configuration" in errors(post_device(root, config.device, templates))

    def test_template(self, root: Client, organization: Any) -> None:
        form = {"name": "x", "organization": organization.pk, "backend": make.BACKEND, "config": "{}",
                "default_values": "{}", "tags": "", "notes": ""}  # fmt: skip
        assert "The configuration field cannot be empty." in errors(root.post(url("template_add"), form))

    def test_group(self, root: Client, organization: Any, other: Organization) -> None:
        form = {"name": "x", "organization": organization.pk, "description": "", "context": "", "meta_data": "",
                "templates": str(make.template(other, "foreign").pk)}  # fmt: skip
        response = root.post(url("devicegroup_add"), form)
        assert "These templates belong to another organization: foreign" in errors(response)
        assert root.post(url("devicegroup_add"), {**form, "templates": ""}).status_code == 302


class TestTemplatesOfAGroup:
    def form(self, group: DeviceGroup, templates: Any) -> dict[str, Any]:
        return {"name": group.name, "organization": group.organization_id, "description": "", "context": "{}",
                "meta_data": "{}", "templates": ",".join(str(template.pk) for template in templates)}  # fmt: skip

    def test_saved(self, root: Client, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        group, template = config.device.group, make.template(config.device.organization, "mesh")
        recorded.clear()
        with committing():
            assert root.post(url("devicegroup_change", group), self.form(group, [template])).status_code == 302
        assert recorded.names == ["group_templates_changed", MODIFIED]
        assert [template.name for template in fresh(config).templates.all()] == ["wifi", "mesh"]

    def test_those_given_to_all_are_not_offered_unless_present(self, root: Client, config: Config) -> None:
        group = config.device.group
        present = make.template(config.device.organization, "present")
        group.templates.add(present)
        save(present, default=True)
        make.template(config.device.organization, "absent", default=True)
        page = root.get(url("devicegroup_change", group)).content.decode()
        assert "present" in page
        assert "absent" not in page
        assert root.post(url("devicegroup_change", group), self.form(group, [present])).status_code == 302
        assert list(group.templates.all()) == [present]


class TestTenancy:
    """A manager of one organization neither sees nor touches what belongs to another."""

    @pytest.fixture
    def foreign(self, other: Organization) -> Config:
        device = make.device(other, "foreign-device", group=make.group(other, "foreign-group"))
        return make.config(device, templates=[make.template(other, "foreign-template")])

    @pytest.mark.parametrize("page", ["device", "template", "devicegroup", "revision"])
    def test_lists(self, operator: Client, config: Config, foreign: Config, page: str) -> None:
        content = operator.get(url(f"{page}_changelist")).content.decode()
        assert {"device": "router", "template": "wifi", "devicegroup": "roofs", "revision": "router"}[page] in content
        assert "foreign" not in content

    @pytest.mark.parametrize("query", [
        {"config__id__exact": "{config}"}, {"group_id": "{group}"}, {"organization": "{organization}"},
        {"q": "foreign"}, {"config__id__exact": "bad"},
    ])  # fmt: skip
    @pytest.mark.parametrize("page", ["device", "revision"])
    def test_filters(self, operator: Client, config: Config, foreign: Config, page: str, query: Any) -> None:
        device = foreign.device
        values = {"config": foreign.pk, "group": device.group_id, "organization": device.organization_id}
        query = {name: value.format(**values) for name, value in query.items()}
        response = operator.get(url(f"{page}_changelist"), query, follow=True)
        assert "foreign-" not in response.content.decode().replace('value="foreign"', "")

    def test_devices_with_a_template(self, operator: Client, config: Config, foreign: Config) -> None:
        make.config(config.device.organization)
        for template, found in ((config.templates.get(), [config.device]), (foreign.templates.get(), [])):
            page = operator.get(url("device_changelist"), {"config__templates": str(template.pk)})
            assert list(page.context["cl"].queryset) == found
            assert "foreign" not in page.content.decode()

    def test_revisions_of_one_device(self, operator: Client, config: Config) -> None:
        another = make.config(config.device.organization)
        page = operator.get(url("revision_changelist"), {"config__id__exact": str(config.pk)})
        assert list(page.context["cl"].queryset) == list(config.revisions.order_by("-pk"))
        assert another.revisions.exists()

    @pytest.mark.parametrize("page", ["device", "template", "devicegroup", "revision"])
    @pytest.mark.parametrize("action", ["change", "delete", "history"])
    def test_objects(self, operator: Client, foreign: Config, page: str, action: str) -> None:
        instance = {"device": foreign.device, "template": foreign.templates.get(),
                    "devicegroup": foreign.device.group, "revision": foreign.released}[page]  # fmt: skip
        response = operator.get(url(f"{page}_{action}", instance))
        assert response.status_code in (403, 404)
        assert "foreign" not in response.content.decode()
        assert operator.post(url(f"{page}_{action}", instance), {"post": "yes", "name": "x"}).status_code in (403, 404)
        instance.refresh_from_db()

    @pytest.mark.parametrize("page", ["device_change", "device_add", "devicegroup_change", "devicegroup_add"])
    def test_choices(self, operator: Client, config: Config, foreign: Config, page: str) -> None:
        make.template(None, "shared-template")
        instance = {"device_change": config.device, "devicegroup_change": config.device.group}.get(page)
        content = operator.get(url(page, instance)).content.decode()
        assert "foreign" not in content
        assert "shared-template" in content
        assert "wifi" in content

    def test_shared_templates_may_be_assigned_but_not_edited(self, operator: Client, config: Config) -> None:
        shared = make.template(None, "shared")
        assert post_device(operator, config.device, [shared]).status_code == 302
        assert config.templates.get() == shared
        assert operator.get(url("template_change", shared)).status_code == 404
        form = {"name": "x", "organization": "", "backend": make.BACKEND, "config": json.dumps(interface("eth0")),
                "default_values": "{}", "tags": "", "notes": ""}  # fmt: skip
        assert "This field is required." in errors(operator.post(url("template_add"), form))

    @pytest.mark.parametrize("field", ["organization", "group", "templates"])
    def test_foreign_choices_are_refused(self, operator: Client, config: Config, foreign: Config, field: str) -> None:
        values = {"organization": {"organization": foreign.device.organization_id, "group": ""},
                  "group": {"group": foreign.device.group_id}, "templates": {}}[field]  # fmt: skip
        templates = foreign.templates.all() if field == "templates" else None
        assert "Select a valid choice." in errors(post_device(operator, config.device, templates, **values))

    @pytest.mark.parametrize("action", ["activate_device", "deactivate_device", "delete_selected"])
    def test_actions(self, operator: Client, config: Config, foreign: Config, action: str) -> None:
        before = foreign.device.is_deactivated()
        data = {"action": action, "_selected_action": [str(foreign.device_id)], "post": "yes"}
        operator.post(url("device_changelist"), data)
        assert Device.objects.get(pk=foreign.device_id).is_deactivated() is before

    @pytest.mark.parametrize("model", ["openwisp_users_user", "openwisp_users_organization", "pki_ca"])
    def test_recovering_other_things_is_too(self, administrator: Client, root: Client, model: str) -> None:
        assert administrator.get(reverse(f"admin:{model}_recoverlist")).status_code == 403
        assert b"recoverlink" not in administrator.get(reverse(f"admin:{model}_changelist")).content
        assert root.get(reverse(f"admin:{model}_recoverlist")).status_code == 200
        assert b"recoverlink" in root.get(reverse(f"admin:{model}_changelist")).content

    def test_recovering_is_for_superusers(self, operator: Client, root: Client, foreign: Config) -> None:
        with reversion.create_revision():
            foreign.device.save()
        version = reversion.models.Version.objects.get_for_object(foreign.device).get()
        foreign.device.delete(check_deactivated=False)
        addresses = [url("device_recoverlist"), reverse("admin:config_device_recover", args=[version.pk])]
        assert [operator.get(address).status_code for address in addresses] == [403, 403]
        assert [root.get(address).status_code for address in addresses] == [200, 200]

    @pytest.mark.parametrize("direction", ["away", "here"])
    def test_old_versions_move_nothing_between_organizations(
        self, operator: Client, config: Config, other: Organization, direction: str
    ) -> None:
        device, mine = config.device, config.device.organization
        first, second = (mine, other) if direction == "away" else (other, mine)
        for owner in (first, second):
            with reversion.create_revision():
                save(device, organization=owner)
        oldest = reversion.models.Version.objects.get_for_object(device).last()
        address = reverse("admin:config_device_revision", args=[device.pk, oldest.pk])
        form = device_form(Device.objects.get(pk=device.pk))
        assert operator.get(address).status_code == 403
        assert operator.post(address, form).status_code == 403
        assert Device.objects.get(pk=device.pk).organization == second

    def test_old_versions_saved_together_with_foreign_ones(
        self, operator: Client, config: Config, foreign: Config
    ) -> None:
        with reversion.create_revision():
            config.device.save()
            foreign.device.save()
        version = reversion.models.Version.objects.get_for_object(config.device).get()
        save(foreign.device, notes="newer")
        address = reverse("admin:config_device_revision", args=[config.device_id, version.pk])
        assert operator.post(address, device_form(config.device)).status_code == 403
        assert Device.objects.get(pk=foreign.device_id).notes == "newer"


class TestVersions:
    def test_reverting(self, operator: Client, config: Config, committing: Any) -> None:
        with committing():
            post_device(operator, config.device, **{"config-0-config": json.dumps(interface("eth1"))})
        first = fresh(config)
        with committing():
            post_device(operator, fresh(config).device, **{"config-0-config": json.dumps(interface("eth2"))})
        Config.objects.update(status="applied", applied=fresh(config).released, downloaded=fresh(config).released)
        _second, version, _before = reversion.models.Version.objects.get_for_object(config.device)
        address = reverse("admin:config_device_revision", args=[config.device_id, version.pk])
        assert b"eth1" in operator.get(address).content
        assert fresh(config).config == interface("eth2")
        with committing():
            form = device_form(config.device, config.templates.all(), **{
                "config-0-config": json.dumps(interface("eth1"))})  # fmt: skip
            assert operator.post(address, form).status_code == 302
        after = fresh(config)
        assert (after.config, after.checksum, after.status) == (interface("eth1"), first.checksum, "modified")
        assert after.released == after.compiled

    def test_reverting_a_template(self, operator: Client, config: Config, committing: Any) -> None:
        template = config.templates.get()
        form = {"name": "wifi", "organization": template.organization_id, "backend": make.BACKEND, "type": "generic",
                "config": json.dumps(interface("eth7")), "default_values": "{}", "tags": "", "notes": ""}  # fmt: skip
        checksums = []
        for number in (7, 8):
            with committing():
                form["config"] = json.dumps(interface(f"eth{number}"))
                assert operator.post(url("template_change", template), form).status_code == 302
            checksums.append(fresh(config).checksum)
        version = reversion.models.Version.objects.get_for_object(template).last()
        form["config"] = json.dumps(interface("eth7"))
        with committing():
            address = reverse("admin:config_template_revision", args=[template.pk, version.pk])
            assert operator.post(address, form).status_code == 302
        assert checksums[0] != checksums[1]
        assert fresh(config).checksum == checksums[0]

    def test_deactivated_device_stays_so(self, operator: Client, config: Config) -> None:
        post_device(operator, config.device, notes="x")
        version = reversion.models.Version.objects.get_for_object(config.device).first()
        Device.objects.get(pk=config.device_id).deactivate()
        address = reverse("admin:config_device_revision", args=[config.device_id, version.pk])
        assert operator.post(address, device_form(config.device)).status_code == 403
        assert Device.objects.get(pk=config.device_id).is_deactivated()

    def test_recovering(self, root: Client, config: Config, committing: Any) -> None:
        templates = list(config.templates.all())
        post_device(root, config.device, notes="x")
        device = Device.objects.get(pk=config.device_id)
        form = device_form(device, templates)
        version = reversion.models.Version.objects.get_for_object(device).first()
        device.deactivate()
        Device.objects.get(pk=config.device_id).delete(check_deactivated=False)
        address = reverse("admin:config_device_recover", args=[version.pk])
        assert root.get(address).status_code == 200
        with committing():
            assert root.post(address, form).status_code == 302
        after = Config.objects.get(device__name="router")
        assert (after.config, after.status) == (interface("eth0"), "modified")
        assert not after.device.is_deactivated()
        assert after.released == after.compiled is not None


class TestDeactivatedDevice:
    def test_is_read_only(self, operator: Client, config: Config) -> None:
        config.device.deactivate()
        device = Device.objects.get(pk=config.device_id)
        assert post_device(operator, device, [], name="another").status_code == 403
        assert operator.get(url("device_change", device)).status_code == 200

    def test_actions(self, operator: Client, config: Config) -> None:
        for action, deactivated in (("deactivate_device", True), ("activate_device", False)):
            data = {"action": action, "_selected_action": [str(config.device_id)]}
            response = operator.post(url("device_changelist"), data, follow=True)
            assert b"1 device was changed." in response.content
            assert Device.objects.get(pk=config.device_id).is_deactivated() is deactivated

    @pytest.mark.parametrize("fully", [True, False])
    def test_deletion(self, operator: Client, config: Config, fully: bool) -> None:
        config.device.deactivate()
        if fully:
            fresh(config).set_status_deactivated()
        response = operator.post(url("device_delete", config.device), {"post": "yes"})
        assert response.status_code == (302 if fully else 403)
        assert Device.objects.exists() is not fully

    @pytest.mark.parametrize("many", [False, True])
    def test_deletion_of_what_will_never_be_wiped(self, operator: Client, config: Config, many: bool) -> None:
        page = url("device_changelist") if many else url("device_delete", config.device)
        chosen = {"action": "delete_selected", "_selected_action": [str(config.device_id)]} if many else {}
        confirmed = {**chosen, "post": "yes", "force_delete": "true"}
        config.device.deactivate()
        response = operator.post(page, chosen) if many else operator.get(page)
        assert b"Not wiped yet: router." in response.content
        assert b'name="force_delete"' in response.content
        assert operator.post(page, {**chosen, "post": "yes"}).status_code == 403
        assert operator.post(page, confirmed).status_code == 302
        assert not Device.objects.exists()

    @pytest.mark.parametrize("many", [False, True])
    def test_active_ones_are_named_and_kept(self, operator: Client, config: Config, many: bool) -> None:
        idle = make.device(config.device.organization, "idle")
        idle.deactivate()
        page = url("device_changelist") if many else url("device_delete", config.device)
        chosen = {"action": "delete_selected", "_selected_action": [str(config.device_id), str(idle.pk)]}
        confirmed = {**(chosen if many else {}), "post": "yes", "force_delete": "true"}
        for form in (chosen if many else {}, confirmed):
            page_after = operator.post(page, form, follow=True).content.decode()
            assert "Nothing was deleted, for these devices are active: router. Deactivate them first." in page_after
        assert Device.objects.count() == 2

    @pytest.mark.parametrize("many", [False, True])
    def test_their_organization_is_deleted_after_a_warning(self, root: Client, config: Config, many: bool) -> None:
        owner = config.device.organization
        name = "admin:openwisp_users_organization_"
        page = reverse(f"{name}changelist") if many else reverse(f"{name}delete", args=[owner.pk])
        chosen = {"action": "delete_selected", "_selected_action": [str(owner.pk)]} if many else {}
        warned = root.post(page, chosen) if many else root.get(page)
        assert b"Active devices would be deleted, and keep their configuration: router." in warned.content
        assert Organization.objects.filter(pk=owner.pk).exists()
        assert root.post(page, {**chosen, "post": "yes"}).status_code == 302
        assert not Organization.objects.filter(pk=owner.pk).exists()

    def test_nothing_is_to_be_acknowledged_when_it_is_wiped(self, operator: Client, config: Config) -> None:
        config.device.deactivate()
        fresh(config).set_status_deactivated()
        assert b"force_delete" not in operator.get(url("device_delete", config.device)).content


class TestSecrets:
    @pytest.fixture
    def viewer(self, organization: Any) -> Client:
        client = make.person("viewer", organization)
        user = User.objects.get(username="viewer")
        from django.contrib.auth.models import Permission

        user.user_permissions.set(Permission.objects.filter(codename__in=["view_device", "view_config"]))
        return client

    def test_keys_are_for_those_who_may_edit(self, viewer: Client, operator: Client, config: Config) -> None:
        key = config.device.key
        assert key in operator.get(url("device_change", config.device)).content.decode()
        assert key not in viewer.get(url("device_change", config.device)).content.decode()

    def test_keys_are_in_no_list(self, operator: Client, config: Config) -> None:
        assert config.device.key not in operator.get(url("device_changelist")).content.decode()

    @pytest.mark.parametrize(("who", "shown"), [("operator", False), ("administrator", True)])
    def test_secret_of_the_organization(self, request: Any, organization: Any, who: str, shown: bool) -> None:
        address = reverse("admin:openwisp_users_organization_change", args=[organization.pk])
        response = request.getfixturevalue(who).get(address)
        assert response.status_code == 200
        assert (make.SECRET in response.content.decode()) is shown


class TestOtherActions:
    def test_cloning(self, operator: Client, config: Config) -> None:
        template = config.templates.get()
        data = {"action": "clone_selected_templates", "_selected_action": [str(template.pk)]}
        response = operator.post(url("template_changelist"), data, follow=True)
        assert b"&quot;wifi&quot; was cloned: &quot;wifi (Clone)&quot;." in response.content
        assert Template.objects.filter(name="wifi (Clone)", organization=template.organization).exists()

    def test_cloning_into_another_organization(self, operator: Client, config: Config, other: Organization) -> None:
        template = config.templates.get()
        Template.objects.filter(pk=template.pk).update(required=True, default=True)
        OrganizationUser.objects.create(user=User.objects.get(username="operator"), organization=other, is_admin=True)
        stranger = make.organization("stranger")
        data = {"action": "clone_selected_templates", "_selected_action": [str(template.pk)]}
        page = operator.post(url("template_changelist"), data)
        assert page.status_code == 200
        offered = page.context["form"].fields["organization"]
        assert (set(offered.queryset), offered.empty_label) == ({template.organization, other}, None)
        for chosen in ("", str(stranger.pk), "x"):
            answer = operator.post(url("template_changelist"), {**data, "apply": "1", "organization": chosen})
            assert answer.status_code == 200
        assert Template.objects.count() == 1
        done = operator.post(url("template_changelist"), {**data, "apply": "1", "organization": str(other.pk)})
        assert done.status_code == 302
        clone = Template.objects.get(organization=other)
        assert (clone.name, clone.default, clone.required) == ("wifi (Clone)", False, False)

    def test_superusers_clone_into_shared_ones(self, root: Client, config: Config) -> None:
        data = {"action": "clone_selected_templates", "_selected_action": [str(config.templates.get().pk)]}
        assert b"Shared systemwide" in root.post(url("template_changelist"), data).content
        assert root.post(url("template_changelist"), {**data, "apply": "1", "organization": ""}).status_code == 302
        assert Template.objects.get(name="wifi (Clone)").organization is None

    def test_cloning_what_is_broken(self, operator: Client, config: Config) -> None:
        Template.objects.update(config={"interfaces": 1})
        data = {"action": "clone_selected_templates", "_selected_action": [str(config.templates.get().pk)]}
        response = operator.post(url("template_changelist"), data, follow=True)
        assert b"&quot;wifi&quot; could not be cloned: Invalid configuration" in response.content
        assert Template.objects.count() == 1

    def test_new_organization_can_enrol_devices(self, root: Client) -> None:
        page = root.get(reverse("admin:openwisp_users_organization_add"))
        assert page.status_code == 200
        assert b"config_settings-0-shared_secret" in page.content

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_revisions_are_read_only(self, root: Client, config: Config, method: str) -> None:
        revision = config.released
        assert b"eth0" in root.get(url("revision_change", revision)).content
        assert getattr(root, method)(url("revision_delete", revision)).status_code == 403
        assert root.post(url("revision_change", revision), {"checksum": "x"}).status_code == 403
        assert Revision.objects.filter(pk=getattr(revision, "pk", None)).exists()
