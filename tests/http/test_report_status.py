"""What a device reports about the configuration that it downloaded."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_notifications.models import Notification
from openwisp_users.models import User

from openwisp_controller.config.models import Config

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import REPORT_STATUS, assert_not_found, assert_text, call, download, poll, report

pytestmark = pytest.mark.django_db
UNKNOWN = "Reason not reported by the device."
INTERFACES = {"interfaces": [{"name": "eth0", "type": "ethernet"}]}


def result(status: str) -> str:
    return f"report-result: success\ncurrent-status: {status}\n"


def in_status(organization: Any, status: str, reason: str = "") -> Config:
    config = make.config(organization, config=INTERFACES)
    Config.objects.update(status=status, error_reason=reason)
    return Config.objects.get(pk=config.pk)


def edit(config: Config, name: str = "eth9") -> None:
    config.refresh_from_db()
    config.config = {"interfaces": [{"name": name, "type": "ethernet"}]}
    config.save()


@pytest.mark.parametrize(
    ("before", "posted", "after"),
    [
        ("modified", "applied", "applied"),
        ("modified", "error", "error"),
        ("applied", "error", "error"),
        ("error", "applied", "applied"),
    ],
)
def test_transition(
    client: Any, organization: Any, recorded: SignalRecorder, before: str, posted: str, after: str
) -> None:
    config = in_status(organization, before, "why" if before == "error" else "")
    assert_text(report(client, config.device, posted), 200, result(after))
    config.refresh_from_db()
    assert (config.status, config.error_reason) == (after, UNKNOWN if after == "error" else "")
    (emission,) = recorded.emitted
    assert (emission.name, emission.instance, emission.seen) == ("config_status_changed", config, {"status": after})


@pytest.mark.parametrize("status", ["applied", "error"])
def test_same_status_again_is_not_announced(
    client: Any, organization: Any, recorded: SignalRecorder, status: str
) -> None:
    config = in_status(organization, status)
    assert_text(report(client, config.device, status, error_reason="another"), 200, result(status))
    assert recorded.names == []


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({}, UNKNOWN),
        ({"error_reason": ""}, "previous"),
        ({"error_reason": "no space left"}, "no space left"),
        ({"error_reason": "nul\x00here"}, "nulhere"),
        ({"error_reason": "x" * 1024}, "x" * 1024),
        ({"error_reason": "x" * 1025}, "x" * 1012 + "\n[truncated]"),
        ({"error_reason": "é" * 5000}, "é" * 1012 + "\n[truncated]"),
        ({"error_reason": "<script>"}, "<script>"),
    ],
)
def test_error_reason(client: Any, organization: Any, sent: dict[str, str], stored: str) -> None:
    config = in_status(organization, "error", "previous")
    assert_text(report(client, config.device, "error", **sent), 200, result("error"))
    config.refresh_from_db()
    assert config.error_reason == stored


def test_error_reason_with_invalid_utf8(client: Any, organization: Any) -> None:
    config = in_status(organization, "modified")
    response = client.post(
        f"/controller/report-status/{config.device.pk.hex}/",
        f"key={config.device.key}&status=error&error_reason=%ff",
        content_type="application/x-www-form-urlencoded",
    )
    assert_text(response, 200, result("error"))
    config.refresh_from_db()
    assert config.error_reason == "\ufffd"


@pytest.mark.parametrize("status", [None, ""])
def test_missing_status(client: Any, organization: Any, status: str | None) -> None:
    device = make.config(organization).device
    form = {"key": device.key} | ({} if status is None else {"status": status})
    response = call(client, REPORT_STATUS, device.pk, form)
    assert_text(response, 400, 'error: missing required parameter "status"\n')


@pytest.mark.parametrize(
    "status", ["modified", "deactivating", "deactivated", "running", "APPLIED", "applied ", "\x00"]
)
def test_wrong_status(client: Any, organization: Any, recorded: SignalRecorder, status: str) -> None:
    config = in_status(organization, "applied")
    assert_text(report(client, config.device, status), 403, "error: wrong status\n")
    config.refresh_from_db()
    assert config.status == "applied"
    assert recorded.names == []


def test_proof(client: Any, organization: Any) -> None:
    """What was downloaded and applied is known to run."""
    config = make.config(organization)
    download(client, config.device)
    report(client, config.device, "applied")
    config.refresh_from_db()
    assert config.applied == config.downloaded == config.released


@pytest.mark.parametrize("posted", ["applied", "error"])
def test_late_report_about_an_older_archive(
    client: Any, organization: Any, recorded: SignalRecorder, posted: str
) -> None:
    config = make.config(organization)
    download(client, config.device)
    edit(config)
    recorded.clear()
    assert_text(report(client, config.device, posted), 200, result("modified"))
    assert recorded.names == []
    config.refresh_from_db()
    assert config.status == "modified"
    assert config.applied == (config.downloaded if posted == "applied" else None)
    assert config.applied != config.released
    # the next round is believed
    download(client, config.device)
    assert_text(report(client, config.device, posted), 200, result(posted))


def test_change_taken_back_before_the_report(client: Any, organization: Any) -> None:
    """The older archive is the same as the released one again: it is the content that counts."""
    config = make.config(organization, config=INTERFACES)
    download(client, config.device)
    edit(config, "eth9")
    edit(config, "eth0")
    assert_text(report(client, config.device, "applied"), 200, result("applied"))


def test_device_that_never_downloaded_is_believed(client: Any, organization: Any) -> None:
    config = make.config(organization)
    assert_text(report(client, config.device, "applied"), 200, result("applied"))
    config.refresh_from_db()
    assert config.applied == config.released


def test_configuration_that_does_not_compile_stays_an_error(client: Any, organization: Any) -> None:
    config = make.config(organization)
    config.config = {"interfaces": "broken"}
    config.save()
    assert_text(report(client, config.device, "applied"), 200, result("error"))
    config.refresh_from_db()
    assert config.error_reason == config.compile_error != ""


def test_held_configuration_may_be_applied_while_the_pending_one_does_not_compile(
    client: Any, organization: Any
) -> None:
    config = make.config(organization, release_policy="held")
    config.config = {"interfaces": "broken"}
    config.save()
    assert config.compile_error
    assert_text(report(client, config.device, "applied"), 200, result("applied"))


class TestDeactivating:
    """A device that wipes itself."""

    @pytest.fixture
    def config(self, organization: Any) -> Config:
        config = make.config(make.device(organization, management_ip="10.0.0.1"), config=INTERFACES)
        config.device.deactivate()
        return Config.objects.get()

    def test_applied(self, client: Any, config: Config, recorded: SignalRecorder) -> None:
        download(client, config.device, management_ip="10.0.0.1")
        recorded.clear()
        assert_text(report(client, config.device, "applied"), 200, result("deactivated"))
        assert recorded.names == ["config_status_changed", "config_deactivated", "management_ip_changed"]
        assert recorded.only("config_deactivated").previous_status == "deactivating"
        address = recorded.only("management_ip_changed")
        assert (address.management_ip, address.old_management_ip) == (None, "10.0.0.1")
        config.device.refresh_from_db()
        assert config.device.management_ip is None
        assert_not_found(poll(client, config.device))
        assert_not_found(report(client, config.device, "applied"))

    def test_error_leaves_it_to_people(self, client: Any, config: Config, recorded: SignalRecorder) -> None:
        assert_text(report(client, config.device, "error", error_reason="stuck"), 200, result("deactivating"))
        assert recorded.names == []
        config.refresh_from_db()
        assert (config.status, config.error_reason) == ("deactivating", "stuck")
        assert_text(report(client, config.device, "applied"), 200, result("deactivated"))
        config.refresh_from_db()
        assert config.error_reason == ""

    def test_late_report_about_the_former_configuration(self, client: Any, organization: Any) -> None:
        config = make.config(organization, config=INTERFACES)
        download(client, config.device)
        config.device.deactivate()
        assert_text(report(client, config.device, "applied"), 200, result("deactivating"))

    def test_refused_status(self, client: Any, config: Config) -> None:
        assert_text(report(client, config.device, "deactivated"), 403, "error: wrong status\n")


def test_addresses_are_left_alone(client: Any, organization: Any) -> None:
    device = make.config(make.device(organization, management_ip="10.0.0.1")).device
    report(client, device, "applied", management_ip="10.0.0.2")
    device.refresh_from_db()
    assert (device.management_ip, device.last_ip) == ("10.0.0.1", None)


def test_people_are_notified_of_errors(client: Any, organization: Any, committing: Any) -> None:
    """Once for each reason, not for each report."""
    with committing():
        User.objects.create_superuser("admin", "admin@example.org", "secret")
    device = make.config(organization).device
    for reason, expected in (("a", 1), ("a", 1), ("b", 2)):
        with committing():
            report(client, device, "error", error_reason=reason)
        assert Notification.objects.filter(type="config_error").count() == expected
