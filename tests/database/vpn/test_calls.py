"""Telling servers of changes: webhooks and ZeroTier controllers, answered by a real HTTP server."""

from __future__ import annotations

import logging
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from openwisp_notifications.models import Notification
from openwisp_users.models import User

from openwisp_controller.config import maintenance
from openwisp_controller.config.exceptions import ZeroTierIdentityGenerationError
from openwisp_controller.config.models import Config, ServerCall, Vpn
from openwisp_controller.config.settings import settings as config_settings
from openwisp_controller.config.vpn import credentials, outbound_calls, outbound_http, provisioning, webhook, zerotier

from ... import factories as make
from ..scenarios import save
from .helpers import client_of, files
from .service import Service

pytestmark = pytest.mark.django_db
TOKEN = make.ZEROTIER_TOKEN


@pytest.fixture(autouse=True)
def _local(settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_OUTGOING_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.OPENWISP_CONTROLLER_API_TASK_RETRY_OPTIONS = {
        "max_retries": 2, "retry_backoff": True, "retry_backoff_max": 600, "retry_jitter": False,
    }  # fmt: skip


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def people(committing: Any) -> User:
    with committing():
        return User.objects.create_superuser("admin", "admin@example.org", "p")


def later(committing: Any, due: timedelta = timedelta(seconds=-1)) -> None:
    """Let the time for the next try come.

    Args:
        due: when it is due, from now.
    """
    ServerCall.objects.update(due=timezone.now() + due)
    with committing():
        maintenance.reconcile()


class TestWebhook:
    @pytest.fixture
    def vpn(self, organization: Any, service: Service, committing: Any) -> Vpn:
        with committing():
            vpn = make.vpn(organization, webhook_endpoint=f"http://{service.address}/hook?a=b", auth_token=TOKEN)
        service.received.clear()
        return vpn

    def test_called_when_there_is_something_new(self, vpn: Vpn, service: Service, committing: Any, client: Any) -> None:

        template = make.vpn_template(vpn)
        with committing():
            for _ in range(3):
                make.config(vpn.organization).templates.add(template)
        assert service.calls == [f"POST /hook?a=b&key={TOKEN}"]
        assert files(vpn)["wg0.conf"].count("[Peer]") == 3
        assert not ServerCall.objects.exists()

    def test_not_called_when_nothing_changed(self, vpn: Vpn, service: Service, committing: Any) -> None:
        with committing():
            save(vpn)
            save(vpn, notes="x")
        assert service.calls == []

    def test_nothing_to_call(self, organization: Any, committing: Any, caplog: Any) -> None:
        with caplog.at_level(logging.INFO), committing():
            make.vpn(organization, name="silent")
        assert (
            "Cannot update configuration of silent VPN server, webhook endpoint and authentication token are empty."
            in caplog.text
        )
        assert not ServerCall.objects.exists()

    def test_tried_again_until_it_works(
        self, vpn: Vpn, service: Service, committing: Any, people: User, caplog: Any
    ) -> None:
        service.answer = lambda method, path: (503, "busy")
        with committing():
            save(vpn, host="other")
            vpn.config = {"wireguard": [{"name": "wg0", "port": 1}]}
            vpn.save()
        attempts = []
        for _ in range(3):
            attempts.append(ServerCall.objects.get().attempts)
            later(committing)
        assert len(service.calls) == 4
        assert attempts == [1, 2, 2]
        told = Notification.objects.get()
        assert "Unable to perform update operation on the" in told.message
        assert (told.level, told.target) == ("error", vpn)
        service.answer = lambda method, path: (200, "")
        later(committing, timedelta(hours=1))  # than which nothing is put off longer: the clock was set back
        assert not ServerCall.objects.exists()
        recovered = Notification.objects.exclude(pk=told.pk).get()
        assert "has been completed successfully" in recovered.message
        assert recovered.level == "info"
        secrets = caplog.text + "".join(str(each.__dict__) for each in Notification.objects.all())
        assert TOKEN not in secrets

    def test_pauses_grow(self, settings: Any) -> None:
        assert [config_settings.pause_before_retry(attempts) for attempts in (0, 1, 2, 20)] == [1, 2, 4, 600]
        settings.OPENWISP_CONTROLLER_API_TASK_RETRY_OPTIONS = {"retry_jitter": True, "retry_backoff_max": 10}
        assert all(5 <= config_settings.pause_before_retry(9) <= 10 for _ in range(20))

    def test_refused(self, vpn: Vpn, service: Service, committing: Any, people: User) -> None:
        service.answer = lambda method, path: (403, "no")
        with committing():
            vpn.config = {"wireguard": [{"name": "wg0", "port": 1}]}
            vpn.save()
        assert len(service.calls) == 1
        assert "403" in Notification.objects.get().description
        assert not ServerCall.objects.exists()

    @pytest.mark.parametrize("how", ["refused", "redirect", "private"])
    def test_where_it_must_not_go(
        self, vpn: Vpn, service: Service, committing: Any, settings: Any, caplog: Any, how: str
    ) -> None:
        if how == "refused":
            service.__exit__()
            service.__enter__()  # on another port
        elif how == "redirect":
            service.answer = lambda method, path: (302, "")
        else:
            settings.OPENWISP_CONTROLLER_OUTGOING_ALLOWED_NETWORKS = []
        with committing():
            vpn.config = {"wireguard": [{"name": "wg0", "port": 1}]}
            vpn.save()
        assert len(service.calls) == (1 if how == "redirect" else 0)
        assert ServerCall.objects.exists() == (how != "redirect")
        assert TOKEN not in caplog.text
        if how == "private":
            assert "is not a public address" in caplog.text

    @pytest.mark.parametrize("how", ["silent", "trickling", "endless"])
    def test_a_server_that_wastes_time(
        self, vpn: Vpn, committing: Any, monkeypatch: Any, people: User, how: str
    ) -> None:
        monkeypatch.setattr(webhook, "TIMEOUT", 0.2 if how == "silent" else 30)
        monkeypatch.setattr(outbound_http, "TOTAL", 0.5 if how == "trickling" else 60)
        with wasting_time(how) as address:
            with committing():
                save(vpn, webhook_endpoint=f"http://{address}/hook")
            for _ in range(2):
                later(committing)
        assert ServerCall.objects.get().attempts == 2
        told = Notification.objects.get()
        assert ("ReadError" if how == "endless" else "ReadTimeout") in told.message
        assert TOKEN not in told.message + told.description

    def test_a_worker_killed_while_calling(self, vpn: Vpn, service: Service, committing: Any) -> None:
        """The lease ends and another worker calls."""
        outbound_calls.schedule("webhook", vpn.pk)
        assert outbound_calls._claim() is not None
        with committing():
            maintenance.reconcile()
        assert service.calls == []
        later(committing)
        assert len(service.calls) == 1

    def test_asked_for_again_meanwhile(self, vpn: Vpn, service: Service, committing: Any) -> None:
        def answer(method: str, path: str) -> tuple[int, Any]:
            return 200, ""

        service.answer = answer
        outbound_calls.schedule("webhook", vpn.pk)
        claimed = outbound_calls._claim()
        assert claimed is not None
        outbound_calls.schedule("webhook", vpn.pk)
        outbound_calls._make(claimed)
        assert ServerCall.objects.exists()
        assert outbound_calls.run_due() == 1
        assert len(service.calls) == 2


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("8.8.8.8", True), ("127.0.0.1", True), ("10.0.0.1", False), ("169.254.169.254", False), ("::1", False),
        ("fd00::1", False), ("224.0.0.1", False), ("::ffff:10.0.0.1", False), ("2001:4860:4860::8888", True),
        ("0.0.0.0", False),
    ],
)  # fmt: skip
def test_where_calls_may_go(address: str, allowed: bool) -> None:
    from ipaddress import ip_address

    assert outbound_http.is_allowed(ip_address(address)) == allowed


@contextmanager
def wasting_time(how: str) -> Iterator[str]:
    """A server that never answers, or only a byte now and then, or without end; yields its address."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with suppress(OSError):
                if how == "silent":
                    over.wait()
                    return
                self.request.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                data = b"x" * (1 if how == "trickling" else 65536)
                while not over.wait(0.05 if how == "trickling" else 0):
                    self.request.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


class Controller:
    """Plays a ZeroTier controller."""

    NODE, NETWORK = "1234567890", "1234567890abcdef"

    def __init__(self, service: Service) -> None:
        self.broken: dict[str, tuple[int, Any]] = {}
        """Path → what is answered there instead."""
        service.answer = self.answer

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        for start, answer in self.broken.items():
            if path.startswith(start):
                return answer
        if path == "/status":
            return 200, {"address": self.NODE, "version": "1.14"}
        if path.startswith("/controller/network/") and "/member/" not in path and method == "POST":
            return 200, {
                "id": self.NETWORK, "nwid": self.NETWORK, "name": "x", "objtype": "network", "revision": 1,
                "creationTime": 1, "routes": [], "ipAssignmentPools": [], "private": True, "mtu": 2800,
                "authTokens": [None], "rulesSource": "", "ssoEnabled": False,
            }  # fmt: skip
        return 200, {}


class TestZeroTier:
    SECRET = "abcdef1234:0:" + "1" * 128 + ":" + "2" * 128

    @pytest.fixture
    def controller(self, service: Service) -> Controller:
        return Controller(service)

    @pytest.fixture
    def tool(self, tmp_path: Path, monkeypatch: Any) -> Path:
        """Plays the tool that makes identities, which is no part of Debian."""
        tool = tmp_path / "zerotier-idtool"
        tool.write_text(f"#!/bin/sh\necho '{self.SECRET}'\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return tool

    @pytest.fixture
    def vpn(self, organization: Any, service: Service, controller: Controller, committing: Any) -> Vpn:
        with committing():
            config = {"zerotier": [{"private": True, "client_options": {"allow_managed": True}}]}
            return make.zerotier(organization, service.address, config=config)

    def test_creation(self, vpn: Vpn, service: Service) -> None:
        assert service.calls == [
            "GET /status",
            "POST /controller/network/1234567890______",
            "POST /network/1234567890abcdef",
            "POST /controller/network/1234567890abcdef/member/1234567890",
        ]
        created, member = service.received[1], service.received[3]
        assert created.body == {
            "private": True,
            "name": "net",
            "routes": [{"target": "10.0.0.0/16", "via": ""}],
            "ipAssignmentPools": [{"ipRangeStart": "10.0.0.1", "ipRangeEnd": "10.0.255.255"}],
        }
        assert member.body == {"authorized": True, "activeBridge": True, "ipAssignments": ["10.0.0.1"]}
        assert all(each.headers["X-ZT1-Auth"] == TOKEN for each in service.received)
        assert (vpn.node_id, vpn.network_id) == (Controller.NODE, Controller.NETWORK)
        assert vpn.config == {"zerotier": [{"private": True, "mtu": 2800, "client_options": {"allow_managed": True}}]}
        assert list(files(vpn)) == ["1234567890abcdef.json"]

    def test_device(self, vpn: Vpn, service: Service, tool: Path, committing: Any) -> None:
        service.received.clear()
        with committing():
            config = make.config(vpn.organization, templates=[make.vpn_template(vpn)])
        found = files(Config.objects.get(pk=config.pk))
        assert f"option secret '{self.SECRET}'" in found["etc/config/zerotier"]
        assert "list join '1234567890abcdef'" in found["etc/config/zerotier"]
        assert found["etc/openwisp/zerotier/devicemap"] == "# network_id=interface_name\n1234567890abcdef=owztabcdef\n"
        context = Config.objects.get(pk=config.pk).get_context()
        assert (context["zerotier_member_id"], context["secret"]) == ("abcdef1234", self.SECRET)
        assert context[f"network_name_{vpn.pk.hex}"] == "net"
        assert service.calls == ["POST /controller/network/1234567890abcdef/member/abcdef1234"]
        assert service.received[0].body["ipAssignments"] == ["10.0.0.2"]
        service.received.clear()
        with committing():
            config.templates.set([])
        assert service.calls == ["DELETE /controller/network/1234567890abcdef/member/abcdef1234"]

    def test_options_of_clients(self, vpn: Vpn) -> None:
        assert make.vpn_template(vpn).config["zerotier"][0]["networks"] == [
            {"id": "1234567890abcdef", "ifname": "owztabcdef", "allow_managed": True}
        ]

    def test_one_identity_for_a_device(
        self, vpn: Vpn, service: Service, tool: Path, committing: Any, organization: Any
    ) -> None:
        with committing():
            subnet = make.subnet(organization, "10.7.0.0/16")
            other = make.zerotier(organization, service.address, "other", subnet=subnet)
            config = make.config(organization, templates=[make.vpn_template(vpn)])
        tool.write_text("#!/bin/sh\necho '" + self.SECRET.replace("abcdef", "fedcba") + "'\n")
        with committing():
            config.templates.add(make.vpn_template(other, config={"interfaces": []}))
        assert client_of(config, other).secret == self.SECRET

    def test_edited_renamed_deleted(self, vpn: Vpn, service: Service, committing: Any) -> None:
        service.received.clear()
        with committing():
            save(vpn, notes="x")
        assert service.calls == []
        with committing():
            save(Vpn.objects.get(), name="renamed")
        assert service.calls == [
            "POST /controller/network/1234567890abcdef",
            "POST /controller/network/1234567890abcdef/member/1234567890",
        ]
        assert service.received[0].body["name"] == "renamed"
        service.received.clear()
        with committing():
            Vpn.objects.get().delete()
        assert service.calls == ["DELETE /controller/network/1234567890abcdef", "DELETE /network/1234567890abcdef"]
        assert not ServerCall.objects.exists()

    @pytest.mark.parametrize(
        ("answer", "field", "text"),
        [
            ((401, {}), "auth_token", "Authorization failed for ZeroTier controller, ensure you are using the correct"),
            ((404, {}), "host", "(error: Not Found, status code: 404)"),
            ((500, "x"), "host", "(error: Internal Server Error, status code: 500)"),
            ((200, "no json"), "host", "Failed to connect to the ZeroTier controller, Error:"),
            ((200, []), "host", "What answers there is no ZeroTier controller"),
            ((200, {}), "host", "What answers there is no ZeroTier controller"),
            ((200, {"address": "../../../x"}), "host", "What answers there is no ZeroTier controller"),
            ((200, {"address": "12345678901"}), "host", "What answers there is no ZeroTier controller"),
        ],
    )
    def test_wrong_controller(
        self, organization: Any, service: Service, controller: Controller, answer: Any, field: str, text: str
    ) -> None:
        controller.broken["/status"] = answer
        with pytest.raises(ValidationError) as caught:
            make.zerotier(organization, service.address)
        assert text in caught.value.message_dict[field][0]
        assert TOKEN not in str(caught.value)

    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            ([], "the controller did not tell the id of the network"),
            ({"id": None}, "the controller did not tell the id of the network"),
            ({"id": "x" * 30}, "the controller did not tell the id of the network"),
            ({"id": Controller.NETWORK, "mtu": "a\0"}, "Null characters are not allowed."),
        ],
    )
    def test_senseless_networks(
        self, organization: Any, service: Service, controller: Controller, answer: Any, text: str
    ) -> None:
        controller.broken["/controller/network/"] = (200, answer)
        with pytest.raises(ValidationError, match="Failed to create ZeroTier network, Error: ") as caught:
            make.zerotier(organization, service.address)
        assert text in str(caught.value)
        assert not Vpn.objects.exists()

    @pytest.mark.parametrize("token", ["tökén", "to\nken", "to\x01ken"])
    def test_tokens_that_no_header_can_carry(self, organization: Any, service: Service, token: str) -> None:
        with pytest.raises(ValidationError) as caught:
            make.zerotier(organization, service.address, auth_token=token)
        assert list(caught.value.message_dict) == ["auth_token"]
        assert service.calls == []

    def test_no_controller(self, organization: Any, service: Service) -> None:
        service.__exit__()
        try:
            with pytest.raises(ValidationError) as caught:
                make.zerotier(organization, service.address)
        finally:
            service.__enter__()
        assert "Failed to connect to the ZeroTier controller, Error:" in caught.value.message_dict["host"][0]

    def test_no_token(self, organization: Any) -> None:
        with pytest.raises(ValidationError) as caught:
            make.vpn(organization, "ZeroTier", host="127.0.0.1")
        assert caught.value.message_dict == {"auth_token": ["Auth token is required for this VPN backend"]}

    @pytest.mark.parametrize("answer", [(500, {}), (200, {}), (200, "no json")])
    def test_creation_fails(self, organization: Any, service: Service, controller: Controller, answer: Any) -> None:
        controller.broken["/controller/network/"] = answer
        with pytest.raises(ValidationError, match="Failed to create ZeroTier network, Error:"):
            make.zerotier(organization, service.address)
        assert not Vpn.objects.exists()

    def test_not_stored(self, vpn: Vpn, service: Service, organization: Any, committing: Any) -> None:
        """The network of a server that could not be stored is deleted again."""
        service.received.clear()
        other = make.unsaved_zerotier(organization, service.address, vpn.name, subnet=vpn.subnet)
        with (
            committing(),
            pytest.raises(Exception, match=r"UNIQUE|unique"),
            provisioning.controller_asked(other),
            transaction.atomic(),
        ):
            other.save()
        assert service.calls[-2:] == [
            "DELETE /controller/network/1234567890abcdef", "DELETE /network/1234567890abcdef",
        ]  # fmt: skip

    def test_an_existing_server_becomes_one(
        self, organization: Any, service: Service, controller: Controller, committing: Any
    ) -> None:
        vpn = make.vpn(organization)
        vpn.backend, vpn.config = vpn.backend.replace("Wireguard", "ZeroTier"), make.ZEROTIER
        vpn.host, vpn.auth_token = service.address, TOKEN
        with committing():
            provisioning.store(vpn)
        assert vpn.network_id == Controller.NETWORK

    def test_devices_come_before_the_network(
        self, organization: Any, service: Service, controller: Controller, tool: Path, committing: Any
    ) -> None:
        """A network that is made late knows all devices that became clients until then."""
        controller.broken["/controller/network/"] = (500, {})
        vpn = make.unsaved_zerotier(organization, service.address)
        with committing():
            vpn.save()
            make.config(organization, templates=[make.vpn_template(vpn)])
        controller.broken.clear()
        ServerCall.objects.update(due=timezone.now())
        with committing():
            outbound_calls.run_due()
        assert "POST /controller/network/1234567890abcdef/member/abcdef1234" in service.calls

    def test_deleted_while_its_network_is_made(
        self, organization: Any, service: Service, controller: Controller, committing: Any
    ) -> None:
        controller.broken["/controller/network/"] = (500, {})
        vpn = make.unsaved_zerotier(organization, service.address)
        with committing():
            vpn.save()
        controller.broken.clear()
        call, asked = ServerCall.objects.get(kind="create"), Vpn.objects.get()
        with committing():
            Vpn.objects.get().delete()
        with committing():
            zerotier._create(call, asked)
        assert service.calls[-2:] == [
            "DELETE /controller/network/1234567890abcdef", "DELETE /network/1234567890abcdef",
        ]  # fmt: skip

    def test_stored_without_asking(
        self, organization: Any, service: Service, controller: Controller, committing: Any
    ) -> None:
        """Nothing waits for the controller inside of the transaction; the network is made after it, and tried again."""
        controller.broken["/controller/network/"] = (500, {})
        vpn = make.unsaved_zerotier(organization, service.address)
        with committing():
            vpn.full_clean()
            vpn.save()
            assert service.calls == []
        assert Vpn.objects.get().network_id == ""
        controller.broken.clear()
        ServerCall.objects.update(due=timezone.now())
        with committing():
            assert outbound_calls.run_due() == 3
        stored = Vpn.objects.get()
        assert (stored.node_id, stored.network_id) == (Controller.NODE, Controller.NETWORK)
        assert service.calls[-2:] == [
            "POST /network/1234567890abcdef",
            "POST /controller/network/1234567890abcdef/member/1234567890",
        ]
        assert "POST /network/1234567890abcdef" in service.calls

    def test_people_hear_of_failures_and_recovery(
        self, vpn: Vpn, service: Service, controller: Controller, committing: Any, people: User
    ) -> None:
        controller.broken["/controller/network/"] = (502, "<html>")
        with committing():
            save(vpn, name="renamed")
        for _ in range(3):
            later(committing)
        assert "Unable to perform update operation" in Notification.objects.get().message
        controller.broken.clear()
        later(committing)
        assert Notification.objects.filter(level="info").count() == 1
        assert Vpn.objects.get().failing == []

    def test_a_deleted_server_is_not_called_forever(
        self, vpn: Vpn, service: Service, controller: Controller, committing: Any
    ) -> None:
        controller.broken["/controller/network/"] = (502, "")
        with committing():
            vpn.delete()
        for _ in range(3):
            later(committing)
        assert not ServerCall.objects.exists()

    def test_without_the_tool(self, vpn: Vpn, committing: Any, monkeypatch: Any, caplog: Any) -> None:
        monkeypatch.setenv("PATH", "")
        with committing():
            config = make.config(vpn.organization, templates=[make.vpn_template(vpn)])
        assert client_of(config, vpn).secret == ""
        assert "zerotier" not in str(files(config))
        assert "Unable to generate zerotier identity secret, Error: zerotier-idtool is not installed" in caplog.text
        with pytest.raises(ZeroTierIdentityGenerationError):
            credentials.new_identity()
