"""When devices were last seen: noted without a statement, stored together, shown and filtered by."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from openwisp_controller.common.ago import ago
from openwisp_controller.config.devices import sightings
from openwisp_controller.config.models import Device, Sighting
from openwisp_controller.config.tasks import prune_revisions

from .. import factories as make
from .conftest import ShortPath
from .protocol import download, poll, register, report, update_info

pytestmark = pytest.mark.django_db
LIST = "admin:config_device_changelist"


@pytest.fixture
def device(short_path: ShortPath, organization: Any) -> Device:
    assert register(short_path).status_code == 201
    sightings.forget_noted()
    return Device.objects.get()


def apply(client: Any, device: Device) -> Any:
    return report(client, device, "applied")


def seen(device: Device, **ago: float) -> None:
    Sighting.objects.update_or_create(device=device, defaults={"at": timezone.now() - timedelta(**ago)})


class TestWhatCounts:
    def test_an_enrolment(self, short_path: ShortPath, organization: Any) -> None:
        assert register(short_path).status_code == 201
        assert Device.objects.get().last_seen is None
        assert sightings.store() == 1
        assert timezone.now() - Device.objects.get().last_seen < timedelta(hours=1)  # type: ignore[operator]

    @pytest.mark.parametrize("request_", [poll, download, apply, update_info])
    def test_whatever_a_device_asks_or_tells(self, short_path: ShortPath, device: Device, request_: Any) -> None:
        assert request_(short_path, device).status_code == 200
        assert sightings.store() == 1
        assert Device.objects.get().last_seen is not None

    def test_a_wrong_key_does_not(self, short_path: ShortPath, device: Device) -> None:
        device.key = "0" * 32
        for request in (poll, download, apply, update_info):
            assert request(short_path, device).status_code == 403
        assert sightings.store() == 0

    def test_a_device_that_is_not_served_does_not(self, short_path: ShortPath, device: Device) -> None:
        device.organization.is_active = False
        device.organization.save()
        assert poll(short_path, device).status_code == 404
        assert sightings.store() == 0


class TestStoring:
    def test_a_poll_writes_nothing(self, short_path: ShortPath, device: Device) -> None:
        with CaptureQueriesContext(connection) as queries:
            poll(short_path, device)
        assert len(queries) == 1
        assert not Sighting.objects.exists()

    def test_many_devices_are_stored_together(self, organization: Any) -> None:
        devices = [make.device(organization) for _ in range(30)]
        for device in devices:
            sightings.note(device.pk)
        with CaptureQueriesContext(connection) as queries:
            assert sightings.store() == 30
        assert sum("INSERT" in query["sql"] for query in queries) == 1
        assert Sighting.objects.count() == 30

    def test_it_is_as_old_as_it_is(self, device: Device) -> None:
        """What was noted long before it could be stored keeps its moment."""
        sightings._noted[device.pk] = monotonic() - 3600
        sightings.store()
        age = timezone.now() - Sighting.objects.get().at
        assert timedelta(hours=1) <= age < timedelta(hours=2)

    def test_what_another_process_stored_later_stays(self, device: Device) -> None:
        sightings._noted[device.pk] = monotonic() - 3600
        seen(device, minutes=1)
        before = Sighting.objects.get().at
        sightings.store()
        assert Sighting.objects.get().at == before

    def test_a_database_that_fails_loses_nothing(self, device: Device) -> None:
        sightings.note(device.pk)
        with transaction.atomic():
            transaction.set_rollback(True)
            with pytest.raises(DatabaseError):
                sightings.store()
        assert sightings.store() == 1
        assert Sighting.objects.count() == 1

    def test_devices_that_are_deleted_meanwhile(self, device: Device) -> None:
        other = make.device(device.organization)
        for each in (device, other):
            sightings.note(each.pk)
        device.delete(check_deactivated=False)
        sightings.store()
        assert [sighting.device_id for sighting in Sighting.objects.all()] == [other.pk]

    def test_what_is_left_of_deleted_devices_goes(self, device: Device) -> None:
        seen(device, days=1)
        stays = make.device(device.organization)
        seen(stays, days=1)
        device.delete(check_deactivated=False)
        prune_revisions()
        assert [sighting.device_id for sighting in Sighting.objects.all()] == [stays.pk]

    def test_threads_note_while_it_is_stored(self, organization: Any) -> None:
        devices = [make.device(organization).pk for _ in range(20)]
        done = threading.Event()

        def note() -> None:
            while not done.is_set():
                for key in devices:
                    sightings.note(key)

        threads = [threading.Thread(target=note) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            rows = [sightings._taken() for _ in range(200)]
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert all(key in devices for taken in rows for key in taken)


class TestShowing:
    def test_the_list(self, administrator: Client, device: Device) -> None:
        def column() -> str:
            page = administrator.get(reverse(LIST)).content.decode()
            found = re.search(r'field-last_seen">(.*?)</td>', page)
            assert found
            return found[1]

        assert "never" in column()
        seen(device, minutes=3)
        assert ">3 minutes ago</time>" in column()
        assert re.search(r'title="[^"]*20\d\d', column())

    def test_the_list_can_be_sorted_by_it(self, administrator: Client, device: Device) -> None:
        other = make.device(device.organization, "other")
        seen(device, minutes=3)
        seen(other, days=3)
        page = administrator.get(reverse(LIST)).content.decode()
        number = re.search(r"column-last_seen.*?\?o=(\d+)", page, re.DOTALL)
        assert number
        names = [row.name for row in administrator.get(reverse(LIST), {"o": number[1]}).context["cl"].result_list]
        assert names == ["other", device.name]

    def test_the_page_of_the_device(self, administrator: Client, device: Device) -> None:
        seen(device, hours=2)
        page = administrator.get(reverse("admin:config_device_change", args=[device.pk])).content.decode()
        assert re.search(r"Last seen</dt><dd><time [^>]*>2 hours ago</time>", page)

    @pytest.mark.parametrize(
        ("value", "names"),
        [
            ("10m", {"hours", "days", "weeks", "never"}),
            ("1h", {"hours", "days", "weeks", "never"}),
            ("1d", {"days", "weeks", "never"}),
            ("7d", {"weeks", "never"}),
            ("never", {"never"}),
            ("nonsense", {"minutes", "hours", "days", "weeks", "never"}),
        ],
    )
    def test_the_filter(self, administrator: Client, organization: Any, value: str, names: set[str]) -> None:
        for name, age in (("minutes", 4), ("hours", 240), ("days", 60 * 48), ("weeks", 60 * 24 * 20)):
            seen(make.device(organization, name), minutes=age)
        make.device(organization, "never")
        found = administrator.get(reverse(LIST), {"not_seen_for": value}).context["cl"].queryset
        assert {device.name for device in found} == names

    def test_it_costs_no_statement(self, administrator: Client, device: Device) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert administrator.get(reverse(LIST)).status_code == 200
            return len(queries)

        statements()
        one = statements()
        for _ in range(20):
            seen(make.device(device.organization), minutes=3)
        assert statements() == one


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_how_long_ago(age: timedelta, text: str) -> None:
    now = timezone.now()
    assert ago(now - age, now) == text
