"""Devices: shapes of answers, rules of the nested configuration, words of refusals."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from openwisp_users.models import Organization, User
from rest_framework.filters import BaseFilterBackend
from rest_framework.test import APIRequestFactory, force_authenticate

from openwisp_controller.config.api.views import DeviceDetailView
from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..recorder import SignalRecorder
from .client import Rest, done, made, wrong

pytestmark = pytest.mark.django_db
LIST = (
    "id", "name", "organization", "group", "mac_address", "key", "last_ip", "management_ip", "model", "os", "system",
    "notes", "config", "created", "modified",
)  # fmt: skip
DETAIL = (
    "id", "name", "organization", "group", "mac_address", "key", "last_ip", "management_ip", "is_deactivated", "model",
    "os", "system", "notes", "config", "created", "modified",
)  # fmt: skip
EMPTY = {"backend": make.BACKEND, "templates": [], "context": {}, "config": {}}
LAN = {"interfaces": [{"name": "eth0", "type": "ethernet"}]}


def data(organization: Organization, /, **fields: Any) -> dict[str, Any]:
    own = {"name": "ap", "organization": str(organization.pk), "mac_address": "02:00:00:aa:bb:cc"}
    return {**own, **fields}


def names(config: Config) -> list[str]:
    return [template.name for template in Config.objects.get(pk=config.pk).templates.all()]


class TestShapes:
    def test_list(self, rest: Rest, organization: Organization) -> None:
        make.config(organization)
        make.device(organization, "newer")
        answer = done(rest.get("/device/"))
        assert list(answer) == ["count", "next", "previous", "results"]
        newer, older = answer["results"]
        assert tuple(newer) == LIST
        assert (newer["name"], newer["config"]) == ("newer", None)
        assert older["config"] == {"status": "modified", "error_reason": "", "backend": make.BACKEND}

    def test_detail(self, rest: Rest, organization: Organization) -> None:
        config = make.config(organization, context={"a": "1"}, config=LAN)
        answer = done(rest.get(f"/device/{config.device_id}/"))
        assert tuple(answer) == DETAIL
        assert answer["config"] == {
            "status": "modified", "error_reason": "", "backend": make.BACKEND, "templates": [], "context": {"a": "1"},
            "config": LAN,
        }  # fmt: skip
        assert answer["is_deactivated"] is False

    def test_key_is_shown_to_those_who_may_change_the_device(self, rest: Rest, organization: Organization) -> None:
        device = make.device(organization)
        viewer = Rest(make.person("viewer", organization))
        make.permit(viewer.client, "view_device")
        path = f"/device/{device.pk}/"
        assert done(rest.get(path))["key"] == device.key
        for answer in (done(viewer.get(path)), *done(rest.get("/device/"))["results"]):
            assert answer["key"] == "********"
        assert done(rest.patch(path, {"key": "********", "notes": "n"}))["key"] == device.key

    def test_pages(self, rest: Rest, organization: Organization) -> None:
        for _ in range(3):
            make.device(organization)
        answer = done(rest.get("/device/", page_size=2))
        assert (answer["count"], len(answer["results"])) == (3, 2)
        assert answer["next"].endswith("/device/?page=2&page_size=2")
        assert rest.get("/device/", page=9).json() == {"detail": "Invalid page."}
        assert len(done(rest.get("/device/", page_size="x"))["results"]) == 3


class TestCreate:
    def test_without_configuration(self, rest: Rest, organization: Organization) -> None:
        answer = made(rest.post("/device/", data(organization)))
        assert answer["config"] is None
        device = Device.objects.get()
        assert device.mac_address == answer["mac_address"] == "02:00:00:AA:BB:CC"
        assert device.key == answer["key"] == device.generate_key()

    def test_group_with_templates_brings_a_configuration(self, rest: Rest, organization: Organization) -> None:
        group = make.group(organization, templates=[make.template(organization, "of-group")])
        make.template(organization, "default", default=True)
        answer = made(rest.post("/device/", data(organization, group=str(group.pk))))
        assert answer["config"]["status"] == "modified"
        assert set(names(Config.objects.get())) == {"of-group", "default"}

    def test_nothing_said_about_it_is_no_configuration(self, rest: Rest, organization: Organization) -> None:
        make.template(organization, default=True)
        assert made(rest.post("/device/", data(organization, config=EMPTY)))["config"] is None

    def test_defaults_come_before_what_is_asked_for(self, rest: Rest, organization: Organization) -> None:
        make.template(organization, "default", default=True)
        own, shared = make.template(organization, "own"), make.template(None, "shared")
        config = {**EMPTY, "templates": [str(shared.pk), str(own.pk)], "context": {"a": "1"}}
        answer = made(rest.post("/device/", data(organization, config=config)))
        assert answer["config"] == {"status": "modified", "error_reason": "", "backend": make.BACKEND}
        stored = Config.objects.get()
        assert names(stored) == ["default", "shared", "own"]
        assert stored.context == {"a": "1"}
        assert stored.released is not None

    def test_refusals(self, rest: Rest, organization: Organization, other: Organization) -> None:
        make.device(organization, "taken", mac_address="02:00:00:00:00:01")
        foreign = make.template(other, "foreign")
        required = ["This field is required."]
        for given, message in (
            ({}, {"name": required, "organization": required, "mac_address": required}),
            (data(organization, organization=None), {"organization": ["This field may not be null."]}),
            (
                data(organization, organization=str(other.pk)),
                {"organization": [f'Invalid pk "{other.pk}" - object does not exist.']},
            ),
            (data(organization, organization="zzz"), {"organization": ["“zzz” is not a valid UUID."]}),
            (data(organization, name="a b"), {"name": ["Must be either a valid hostname or mac address."]}),
            (data(organization, mac_address="1"), {"mac_address": ["Must be a valid mac address."]}),
            (data(organization, key="a b c d e"), {"key": ["This value must not contain spaces, dots or slashes."]}),
            (data(organization, management_ip="x"), {"management_ip": ["Enter a valid IPv4 or IPv6 address."]}),
            (
                data(organization, mac_address="02:00:00:00:00:01"),
                {"non_field_errors": ["The fields mac_address, organization must make a unique set."]},
            ),
            (
                data(organization, name="TAKEN"),
                {"__all__": ["Device with this Name and Organization already exists."]},
            ),
            (data(organization, config=None), {"config": ["This field may not be null."]}),
            (
                data(organization, config={}),
                {"config": dict.fromkeys(("backend", "templates", "context", "config"), required)},
            ),
            (
                data(organization, config={**EMPTY, "backend": "x"}),
                {"config": {"backend": ['"x" is not a valid choice.']}},
            ),
            (
                data(organization, config={**EMPTY, "templates": [str(foreign.pk)]}),
                {"config": {"templates": [f'Invalid pk "{foreign.pk}" - object does not exist.']}},
            ),
            (
                data(organization, config={**EMPTY, "context": [1]}),
                {"config": {"context": ["the supplied value is not a JSON object"]}},
            ),
            (
                data(organization, config={**EMPTY, "config": [1]}),
                {"config": {"config": ["Unexpected configuration format."]}},
            ),
        ):
            assert wrong(rest.post("/device/", given)) == message, given
        assert Device.objects.count() == 1

    def test_templates_of_another_organization_are_named_to_superusers(
        self, root: Any, organization: Organization, other: Organization
    ) -> None:
        foreign = make.template(other, "foreign")
        config = {**EMPTY, "templates": [str(foreign.pk)]}
        text = (
            "The following templates are owned by organizations which do not match the organization of this"
            " configuration: foreign"
        )
        assert wrong(Rest(root).post("/device/", data(organization, config=config))) == {"config": [text]}
        assert not Device.objects.exists()

    def test_conflicts_leave_nothing(self, rest: Rest, organization: Organization) -> None:
        config = {**EMPTY, "config": {"interfaces": {}}}
        answer = wrong(rest.post("/device/", data(organization, config=config)))
        assert "#/interfaces" in str(answer["config"])
        assert not Device.objects.exists()

    def test_limit(self, rest: Rest, organization: Organization) -> None:
        organization.config_limits.device_limit = 1
        organization.config_limits.save()
        made(rest.post("/device/", data(organization)))
        given = data(organization, name="second", mac_address="02:00:00:00:00:02")
        text = "The maximum amount of allowed devices has been reached for organization acme."
        assert wrong(rest.post("/device/", given)) == {"__all__": [text]}


class TestUpdate:
    @pytest.fixture
    def config(self, organization: Organization) -> Config:
        first, second = make.template(organization, "first"), make.template(organization, "second")
        return make.config(organization, templates=[first, second], context={"a": "1"}, config=LAN, status="applied")

    def test_what_is_not_named_stays(self, rest: Rest, config: Config) -> None:
        path = f"/device/{config.device_id}/"
        for sent in ({"context": {"b": "2"}}, {"config": {}}, {"backend": make.BACKEND}, {}, None):
            before = done(rest.get(path))["config"]
            answer = done(rest.patch(path, {"config": sent}))["config"]
            expected = {**before, **(sent or {})}
            assert {name: answer[name] for name in ("backend", "templates", "context", "config")} == {
                name: expected[name] for name in ("backend", "templates", "context", "config")
            }, sent
        assert names(config) == ["first", "second"]

    def test_everything_can_be_emptied(self, rest: Rest, config: Config) -> None:
        device = config.device
        sent = {"name": device.name, "organization": str(device.organization_id), "mac_address": device.mac_address}
        answer = done(rest.put(f"/device/{device.pk}/", {**sent, "config": EMPTY}))
        assert {name: answer["config"][name] for name in EMPTY} == EMPTY
        assert answer["config"]["status"] == "modified"

    def test_put_names_what_is_missing(self, rest: Rest, config: Config) -> None:
        required = ["This field is required."]
        answer = wrong(rest.put(f"/device/{config.device_id}/", {"config": {"context": {}}}))
        assert answer == {
            "name": required, "organization": required, "mac_address": required,
            "config": dict.fromkeys(("backend", "templates", "config"), required),
        }  # fmt: skip

    def test_templates_are_replaced_in_order(self, rest: Rest, organization: Organization, config: Config) -> None:
        make.template(organization, "must", required=True)
        keys = [str(template.pk) for template in config.templates.all()]
        path = f"/device/{config.device_id}/"
        answer = done(rest.patch(path, {"config": {"templates": [keys[1], keys[0], keys[1]]}}))
        assert answer["config"]["templates"][1:] == [keys[1], keys[0]]
        assert names(config) == ["must", "second", "first"]
        done(rest.patch(path, {"config": {"templates": []}}))
        assert names(config) == ["must"]

    def test_signals_come_once(self, rest: Rest, config: Config, recorded: SignalRecorder) -> None:
        template = config.templates.first()
        sent = {"context": {"x": "y"}, "config": {}, "templates": [str(template.pk)]}
        done(rest.patch(f"/device/{config.device_id}/", {"name": "renamed", "config": sent}))
        assert recorded.names == ["device_name_changed", "config_modified", "config_status_changed"]

    def test_configuration_is_created(self, rest: Rest, organization: Organization) -> None:
        device = make.device(organization)
        path = f"/device/{device.pk}/"
        assert done(rest.patch(path, {"config": EMPTY}))["config"] is None
        blank = {"config": {"backend": ["This field cannot be blank."]}}
        assert wrong(rest.patch(path, {"config": {"context": {"a": "1"}}})) == blank
        answer = done(rest.patch(path, {"config": {**EMPTY, "context": {"a": "1"}}}))
        assert answer["config"]["context"] == {"a": "1"}

    def test_backend_is_changed(self, rest: Rest, organization: Organization, config: Config) -> None:
        wisp = "netjsonconfig.OpenWisp"
        sent = {"backend": wisp, "config": {}, "templates": []}
        assert done(rest.patch(f"/device/{config.device_id}/", {"config": sent}))["config"]["backend"] == wisp

    def test_two_templates_of_a_vpn_server(self, rest: Rest, organization: Organization, config: Config) -> None:
        server = make.vpn(organization)
        clients = [make.vpn_template(server, organization, name) for name in ("a", "b")]
        sent = {"templates": [str(template.pk) for template in clients]}
        answer = wrong(rest.patch(f"/device/{config.device_id}/", {"config": sent}))
        assert list(answer) == ["config"]
        assert answer["config"][0].startswith("You cannot select multiple VPN client templates")
        assert names(config) == ["first", "second"]

    def test_a_change_of_group_is_shown_at_once(self, rest: Rest, organization: Organization) -> None:
        template = make.template(organization)
        group, device = make.group(organization, templates=[template]), make.device(organization)
        answer = done(rest.patch(f"/device/{device.pk}/", {"group": str(group.pk)}))
        assert answer["config"]["templates"] == [str(template.pk)]

    def test_group_of_another_organization(self, root: Any, organization: Organization, other: Organization) -> None:
        device = make.device(organization)
        text = (
            "Please ensure that the organization of this Device and the organization of the related Device Group match."
        )
        answer = wrong(Rest(root).patch(f"/device/{device.pk}/", {"group": str(make.group(other).pk)}))
        assert answer == {"group": [text]}

    def test_blank_addresses_are_null(self, rest: Rest, organization: Organization) -> None:
        device = make.device(organization, management_ip="10.0.0.1")
        for value in ("", None):
            answer = done(rest.patch(f"/device/{device.pk}/", {"management_ip": value, "last_ip": value}))
            assert (answer["management_ip"], answer["last_ip"]) == (None, None)

    def test_management_address_of_another_device(self, rest: Rest, organization: Organization) -> None:
        make.device(organization, "first", management_ip="10.0.0.1")
        second = make.device(organization)
        answer = wrong(rest.patch(f"/device/{second.pk}/", {"management_ip": "10.0.0.1"}))
        assert answer == {"management_ip": ["The device “first” has this address already."]}


class TestLifeCycle:
    def test_deactivate_and_activate(self, rest: Rest, organization: Organization) -> None:
        config = make.config(organization, templates=[make.template(organization)], config=LAN, context={"a": "1"})
        path, name = f"/device/{config.device_id}/", config.device.name
        assert rest.post(f"{path}activate/").json() == {"detail": "No Device matches the given query."}
        assert rest.delete(path).json() == {"detail": "The device must be deactivated prior to deletion"}
        answer = done(rest.post(f"{path}deactivate/"))
        assert (answer["is_deactivated"], answer["config"]["status"]) == (True, "deactivating")
        assert (answer["config"]["templates"], answer["config"]["config"]) == ([], {})
        assert rest.patch(path, {"name": "x1"}).status_code == 403
        assert rest.post(f"{path}deactivate/").status_code == 404
        assert rest.delete(path).status_code == 403
        answer = done(rest.post(f"{path}activate/"))
        assert (answer["is_deactivated"], answer["config"]["context"]) == (False, {"a": "1"})
        assert rest.client.delete(f"/api/v1/controller{path}?force=True").status_code == 403
        assert not LogEntry.objects.exists()
        assert rest.client.delete(f"/api/v1/controller{path}?force=true").status_code == 204
        entry = LogEntry.objects.get()
        told = entry.user.username, entry.action_flag, entry.object_id, entry.object_repr
        assert told == ("administrator", DELETION, str(config.device_id), name)
        assert not Device.objects.exists()

    def test_operators_need_no_permission_to_add(self, organization: Organization) -> None:
        device, person = make.device(organization), Rest(make.person("changer", organization))
        make.permit(person.client, "change_device")
        assert done(person.post(f"/device/{device.pk}/deactivate/"))["is_deactivated"]

    def test_download(self, rest: Rest, organization: Organization) -> None:
        config = make.config(organization, config=LAN)
        answer = rest.get(f"/device/{config.device_id}/configuration/")
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"] == f'attachment; filename="{config.device.name}.tar.gz"'
        assert answer["X-Openwisp-Controller"] == "true"
        assert config.released is not None
        assert answer.content == bytes(config.released.archive)
        without = make.device(organization)
        assert rest.get(f"/device/{without.pk}/configuration/").json() == {"detail": "Not found."}


class TestFilters:
    def test_filters(self, rest: Rest, organization: Organization, other: Organization) -> None:
        template, group = make.template(organization), make.group(organization)
        one = make.device(organization, "one", group=group, mac_address="02:AA:00:00:00:01")
        make.config(one, templates=[template], status="applied")
        make.device(organization, "two")
        for query, found in (
            ({"name": "ONE"}, ["one"]),
            ({"mac_address": "02:aa"}, ["one"]),
            ({"mac_address": "02:aa:00:00:00:01"}, ["one"]),
            ({"mac_address": "02:aa:00:00:00:02"}, []),
            ({"config__status": "applied"}, ["one"]),
            ({"config__backend": make.BACKEND}, ["one"]),
            ({"config__templates": str(template.pk)}, ["one"]),
            ({"config__templates": str(template.pk), "name": "two"}, []),
            ({"group": str(group.pk)}, ["one"]),
            ({"organization": str(organization.pk)}, ["two", "one"]),
            ({"organization_slug": "acme"}, ["two", "one"]),
            ({"organization_slug": "unknown"}, []),
            ({"created__gte": "2020-01-01"}, ["two", "one"]),
            ({"created__lt": "2020-01-01T00:00:00Z"}, []),
            ({"search": "02:AA"}, ["one"]),
            ({"ordering": "name"}, ["one", "two"]),
            ({"unknown": "x"}, ["two", "one"]),
        ):
            assert [each["name"] for each in done(rest.get("/device/", **query))["results"]] == found, query

    def test_refusals(self, rest: Rest, organization: Organization, other: Organization) -> None:
        choice = "Select a valid choice. That choice is not one of the available choices."
        for query, message in (
            ({"group": "zzz"}, {"group": ["“zzz” is not a valid UUID."]}),
            ({"group": str(make.group(other).pk)}, {"group": [choice]}),
            ({"organization": str(other.pk)}, {"organization": [choice]}),
            (
                {"config__status": "zzz"},
                {"config__status": ["Select a valid choice. zzz is not one of the available choices."]},
            ),
            ({"created__gte": "zzz"}, {"created__gte": ["Enter a valid date/time."]}),
            ({"config__templates": "abc"}, {"config__templates": "Invalid UUID format"}),
        ):
            assert wrong(rest.get("/device/", **query)) == message, query


class OnlyMine(DeviceDetailView):
    queryset = Device.objects.filter(name="mine").select_related("config")


class FoundAsMine(DeviceDetailView):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(name="mine")


class KeepsMine(BaseFilterBackend):
    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        return queryset.filter(name="mine")


class FilteredToMine(DeviceDetailView):
    filter_backends = (KeepsMine,)


@pytest.mark.parametrize("view", [OnlyMine, FoundAsMine, FilteredToMine])
@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_views_of_packages_say_themselves_which_devices_there_are(
    view: type[DeviceDetailView], method: str, organization: Organization
) -> None:
    make.superuser()
    user = User.objects.get(username="root")
    answers = []
    for name in ("mine", "other"):
        device = make.config(make.device(organization, name)).device
        data = {"notes": "x"} if method == "patch" else None
        request = getattr(APIRequestFactory(), method)("/?force=true", data, format="json")
        force_authenticate(request, user)
        answers.append(view.as_view()(request, pk=device.pk))
    assert [answer.status_code for answer in answers] == [204 if method == "delete" else 200, 404]


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_of_whom_nobody_manages_the_organization_nothing_is_found(
    method: str, organization: Organization, other: Organization
) -> None:
    """What is said is the same as of a device that does not exist."""
    rest = Rest(make.person("mia", organization, "Administrator"))
    foreign, gone = make.config(other).device, make.device(organization)
    key = gone.pk
    gone.delete(check_deactivated=False)
    answers = [
        rest.patch(f"/device/{each}/", {"notes": "x"})
        if method == "patch"
        else getattr(rest, method)(f"/device/{each}/")
        for each in (foreign.pk, key)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json() == {"detail": "No Device matches the given query."}
