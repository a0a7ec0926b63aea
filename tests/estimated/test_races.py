"""Devices that come to one address at the same moment end up at one location."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.gis.geos import Point
from django.db import connection, transaction
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.geo.estimated_location.tasks import whois_estimated_location_task
from openwisp_controller.geo.models import DeviceLocation, Location

from .. import factories as make
from ..geolite import ADDRESS, Geolite
from ..services import PATIENCE
from ..whois.helpers import known

pytestmark = pytest.mark.django_db(transaction=True)
DEVICES = 6


def test_at_once(estimating: Geolite, organization: Organization) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("Writers queue up, so nobody comes in between.")
    known(ADDRESS, coordinates=Point(12.5, 41.9))
    devices = [make.device(organization) for _ in range(DEVICES)]
    Device.objects.update(last_ip=ADDRESS)
    start = threading.Barrier(DEVICES)

    def estimate(device: Device) -> None:
        try:
            with transaction.atomic():  # which stays open a little longer than the estimation
                start.wait(PATIENCE)
                whois_estimated_location_task.delay(str(device.pk), ADDRESS)
        finally:
            connection.close()

    with ThreadPoolExecutor(DEVICES) as pool:
        list(pool.map(estimate, devices))
    assert Location.objects.count() == 1
    assert DeviceLocation.objects.filter(location=Location.objects.get()).count() == DEVICES
