"""How many round trips to the database each request costs, begin and commit included."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from openwisp_controller.config.models import Config, Device, Revision

from .. import factories as make
from ..recorder import SignalRecorder
from .conftest import ShortPath
from .protocol import MAC, download, poll, register, report, update_info

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[0, 200], ids=["alone", "with 200 others"])
def fleet(request: Any, organization: Any, lost_messages: Any) -> Any:
    """An organization with five default templates; what tasks do is not the request's cost."""
    for number in range(5):
        make.template(
            organization,
            default=True,
            config={"files": [{"path": f"/etc/{number}", "mode": "0644", "contents": "{{ name }}"}]},
        )
    if request.param:
        add_others(organization, request.param)
    return organization


def add_others(organization: Any, count: int) -> None:
    """Store finished devices, the short way."""
    first = make.config(organization)
    templates = list(first.templates.all())
    devices = Device.objects.bulk_create(
        Device(
            organization=organization,
            name=f"other-{number}",
            key=f"other-{number}",
            mac_address=f"02:FF:00:00:{number >> 8:02X}:{number & 255:02X}",
        )
        for number in range(count)
    )
    configs = Config.objects.bulk_create(
        Config(device=device, backend=make.BACKEND, status="applied") for device in devices
    )
    archive = first.released
    assert archive is not None
    revisions = Revision.objects.bulk_create(
        Revision(config=config, cause="created", checksum=archive.checksum, archive=archive.archive)
        for config in configs
    )
    for config, revision in zip(configs, revisions, strict=True):
        config.compiled = config.released = revision
    Config.objects.bulk_update(configs, ["compiled", "released"])
    links = Config.templates.through
    links.objects.bulk_create(
        links(config=config, template=template, sort_value=place)
        for config, (place, template) in itertools.product(configs, enumerate(templates))
    )


def cost(action: Callable[[], Any], status: int = 200) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert action().status_code == status
    return len(queries)


def enrol(client: Any, **parameters: str | None) -> Device:
    assert register(client, **parameters).status_code == 201
    return Device.objects.get(mac_address=MAC)


def test_transactions_are_counted(fleet: Any) -> None:
    from django.db import transaction

    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        Device.objects.exists()
    assert len(queries) == 3


def test_poll(short_path: ShortPath, fleet: Any) -> None:
    device = enrol(short_path)
    assert cost(lambda: poll(short_path, device)) <= 1


def test_download(short_path: ShortPath, fleet: Any) -> None:
    device = enrol(short_path)
    assert cost(lambda: download(short_path, device)) <= 2
    assert cost(lambda: download(short_path, device)) <= 1


def test_report_status(short_path: ShortPath, fleet: Any) -> None:
    device = enrol(short_path)
    download(short_path, device)
    for status in ("applied", "error", "error", "applied"):
        limit = 6 if status == "error" else 2  # people are to be told of a failure
        assert cost(lambda status=status: report(short_path, device, status)) <= limit


def test_report_that_somebody_listens_to(short_path: ShortPath, fleet: Any, recorded: SignalRecorder) -> None:
    device = enrol(short_path)
    download(short_path, device)
    recorded.clear()
    assert cost(lambda: report(short_path, device, "applied")) <= 6
    assert recorded.names == ["config_status_changed"]


@pytest.mark.parametrize("parameters", [{"status": "applied"}, {"status": "error", "error_reason": "no space left"}])
@pytest.mark.parametrize("condition", ["in use", "being wiped", "behind"])
def test_report_that_changes_nothing(
    short_path: ShortPath, fleet: Any, parameters: dict[str, str], condition: str
) -> None:
    """It writes nothing, locks nothing and opens no transaction."""
    device = enrol(short_path)
    download(short_path, device)
    if condition != "in use":
        device.config.config = {"interfaces": [{"name": "eth0", "type": "ethernet"}]}
        device.config.save()
    if condition == "being wiped":
        device.deactivate()
    report(short_path, device, **parameters)
    if condition == "being wiped" and parameters["status"] == "error":
        device.config.refresh_from_db()
        assert device.config.error_reason == "no space left"
    before = Config.objects.values().get(device=device)
    assert cost(lambda: report(short_path, device, **parameters)) == 1
    assert Config.objects.values().get(device=device) == before


def test_update_info(short_path: ShortPath, fleet: Any) -> None:
    device = enrol(short_path)
    assert cost(lambda: update_info(short_path, device, model="new")) <= 5
    assert cost(lambda: update_info(short_path, device, model="new")) <= 3


def test_registration(short_path: ShortPath, fleet: Any) -> None:
    assert cost(lambda: register(short_path, model="x", os="y", system="z"), 201) <= 20
    assert Config.objects.get(device__mac_address=MAC).templates.count() == 5


def test_registration_without_key(short_path: ShortPath, fleet: Any) -> None:
    assert cost(lambda: register(short_path, key=None), 201) <= 20


def test_registration_again(short_path: ShortPath, fleet: Any) -> None:
    enrol(short_path)
    assert cost(lambda: register(short_path), 201) <= 8
    assert cost(lambda: register(short_path, peer="198.51.100.1", model="new"), 201) <= 8


def test_refusals_are_cheap(short_path: ShortPath, fleet: Any) -> None:
    device = enrol(short_path)
    assert cost(lambda: register(short_path, secret="wrong"), 403) <= 3
    assert cost(lambda: short_path.get(f"/controller/checksum/{device.pk.hex}/", {"key": "x"}), 403) <= 1
    assert cost(lambda: short_path.get(f"/controller/checksum/{'0' * 32}/", {"key": "x"}), 404) <= 1


def test_registration_with_a_subnet_division_rule(short_path: ShortPath, fleet: Any) -> None:
    from openwisp_controller.subnet_division.models import SubnetDivisionIndex

    make.division_rule(make.subnet(fleet))
    enrol(short_path)  # it finds the master subnet without children
    assert cost(lambda: register(short_path, mac_address="02:00:00:00:00:77", name="second", key="7" * 32), 201) <= 40
    assert SubnetDivisionIndex.objects.count() == 12
