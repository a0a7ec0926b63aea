"""The records themselves: rules of one row, and how long it lives."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import swapper
from django.conf import settings as django_settings
from django.contrib.gis.geos import Point
from django.core.exceptions import ValidationError
from django.utils import timezone
from openwisp_users.models import Organization

from openwisp_controller.config.models import WHOISInfo
from openwisp_controller.config.models.whois import Position
from openwisp_controller.config.whois.tasks import cleanup_unreferenced_whois_records, delete_whois_record

from .. import factories as make
from ..geolite import ADDRESS, OTHER, SIX, Geolite
from .helpers import age, known, record_of

pytestmark = pytest.mark.django_db


class TestRules:
    def errors(self, **fields: Any) -> dict[str, list[str]]:
        with pytest.raises(ValidationError) as refused:
            WHOISInfo(ip_address=ADDRESS, **fields).full_clean()
        return refused.value.message_dict

    def test_model(self) -> None:
        assert swapper.load_model("config", "WHOISInfo") is WHOISInfo
        assert WHOISInfo._meta.pk.name == "ip_address"

    def test_address_in_one_spelling(self) -> None:
        record = known("2001:4860:4860:0:0::8888")
        assert (record.pk, str(record)) == (SIX, SIX)
        with pytest.raises(ValidationError, match="already exists"):
            WHOISInfo(ip_address="2001:4860:4860::8888").full_clean()

    def test_coordinates(self) -> None:
        record = known(ADDRESS, coordinates=Point(12.5, 41.9, srid=4326))
        stored = record_of(ADDRESS)
        assert (stored.longitude, stored.latitude) == (12.5, 41.9)
        assert (record.coordinates, stored.coordinates.srid) == (stored.coordinates, 4326)
        stored.coordinates = None
        stored.save()
        assert record_of(ADDRESS).coordinates is None
        stored.coordinates = Position(1.5, 2.5)
        assert stored.coordinates == Point(1.5, 2.5, srid=4326)

    @pytest.mark.once
    def test_coordinates_without_the_libraries(self) -> None:
        """Where GDAL is not installed, whatever else there is works."""
        program = """
from tests import settings
settings.GDAL_LIBRARY_PATH = "/nonexistent"
settings.DATABASES["default"]["ENGINE"] = "django.db.backends.sqlite3"
import django
django.setup()
from openwisp_controller.config.models import WHOISInfo
from openwisp_controller.config.models.whois import Position
record = WHOISInfo(ip_address="8.8.8.8", coordinates=Position(12.5, 41.9))
print(type(record.coordinates).__name__, record.coordinates.x, record.longitude, record.coordinates.srid)
"""
        environment = {**os.environ, "MAPS": "false", "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["Position", "12.5", "12.5", "4326"]

    @pytest.mark.parametrize(
        ("longitude", "latitude", "message"),
        [(0, 90.1, "Latitude must be between -90 and 90 degrees."),
         (0, -91, "Latitude must be between -90 and 90 degrees."),
         (180.5, 0, "Longitude must be between -180 and 180 degrees."),
         (float("nan"), 0, "Longitude must be between -180 and 180 degrees.")],
    )  # fmt: skip
    def test_coordinates_out_of_range(self, longitude: float, latitude: float, message: str) -> None:
        assert self.errors(longitude=longitude, latitude=latitude) == {"coordinates": [message]}

    def test_cidr(self) -> None:
        WHOISInfo(ip_address=ADDRESS, cidr="8.8.8.8/24").full_clean()  # host bits are allowed
        assert self.errors(cidr="8.8.8.0/99")["cidr"][0].startswith("Invalid CIDR format: ")

    def test_sizes(self) -> None:
        assert set(self.errors(isp="x" * 101, asn="1" * 11, timezone="z" * 36)) == {"isp", "asn", "timezone"}


class TestLife:
    def test_a_device_leaves(self, whois: Geolite, organization: Organization, committing: Any) -> None:
        with committing():
            first = make.device(organization, last_ip=ADDRESS)
            second = make.device(organization, last_ip=ADDRESS)
        with committing():
            first.deactivate()
        assert record_of(ADDRESS).unreferenced_since is None
        with committing():
            second.delete(check_deactivated=False)
        since = record_of(ADDRESS).unreferenced_since
        assert since is not None
        with committing():
            first.delete()
        assert record_of(ADDRESS).unreferenced_since == since

    def test_an_organization_leaves(self, whois: Geolite, organization: Organization, committing: Any) -> None:
        with committing():
            make.config(make.device(organization, last_ip=ADDRESS))
        with committing():
            organization.delete()
        assert record_of(ADDRESS).unreferenced_since is not None

    def test_cleaning_up(self, whois: Geolite, organization: Organization, other: Organization) -> None:
        """Somebody who is not looked up needs a record as much as somebody who is."""
        make.device(other, last_ip=ADDRESS)
        for address in (ADDRESS, OTHER, SIX):
            known(address)
        long_ago = timezone.now() - timedelta(days=90)
        WHOISInfo.objects.filter(pk__in=[ADDRESS, OTHER]).update(unreferenced_since=long_ago)
        assert cleanup_unreferenced_whois_records.delay().get() == 1
        assert set(WHOISInfo.objects.values_list("pk", flat=True)) == {ADDRESS, SIX}
        assert record_of(ADDRESS).unreferenced_since is None
        since = record_of(SIX).unreferenced_since
        assert since is not None
        assert cleanup_unreferenced_whois_records() == 0
        assert record_of(SIX).unreferenced_since == since
        age(SIX, 0, unreferenced_since=timezone.now() - timedelta(days=89))
        assert cleanup_unreferenced_whois_records() == 0

    def test_how_long_is_a_setting(self, whois: Geolite, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_WHOIS_REFRESH_THRESHOLD_DAYS = 2
        known(ADDRESS, unreferenced_since=timezone.now() - timedelta(days=2))
        assert cleanup_unreferenced_whois_records() == 1

    def test_it_is_cleaned_up_when_whois_is_not_configured_any_more(self) -> None:
        known(ADDRESS, unreferenced_since=timezone.now() - timedelta(days=90))
        assert cleanup_unreferenced_whois_records() == 1

    def test_it_is_scheduled(self) -> None:
        tasks = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
        assert cleanup_unreferenced_whois_records.name in tasks

    def test_deleting_one(self, organization: Organization) -> None:
        known(ADDRESS)
        delete_whois_record(ADDRESS)
        assert record_of(ADDRESS).unreferenced_since is not None
        make.device(organization, last_ip=ADDRESS)
        delete_whois_record.delay(ADDRESS)
        assert record_of(ADDRESS).unreferenced_since is None
        delete_whois_record(f"::ffff:{ADDRESS}", force=True)
        assert not WHOISInfo.objects.exists()
        delete_whois_record("nonsense", force=True)
