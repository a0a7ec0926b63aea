"""Which signals follow from changes of VPN servers, their peers and certificates, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from openwisp_controller.config.models import Config, Template, Vpn, VpnClient
from openwisp_controller.config.tasks import reconcile
from openwisp_controller.pki.tasks import renew_outdated

from ... import factories as make
from ...recorder import SignalRecorder
from ..scenarios import fresh, interface, save
from .helpers import client_of, files

pytestmark = pytest.mark.django_db
PEERS, SERVER, MODIFIED = "vpn_peers_changed", "vpn_server_modified", "config_modified"


@pytest.fixture(params=["OpenVpn", "Wireguard", "VxlanWireguard"])
def vpn(request: Any, organization: Any, committing: Any) -> Vpn:
    with committing():
        return make.vpn(organization, request.param)


@pytest.fixture
def template(vpn: Vpn, committing: Any) -> Template:
    with committing():
        return make.vpn_template(vpn)


@pytest.fixture
def config(template: Template, committing: Any, recorded: SignalRecorder) -> Config:
    """A client that has applied its configuration."""
    with committing():
        make.config(template.organization, templates=[template])
    Config.objects.update(status="applied")
    recorded.clear()
    return Config.objects.get()


def announced(recorded: SignalRecorder) -> list[tuple[str, str]]:
    """What was announced about configurations: action and previous status."""
    return [(each.action, each.previous_status) for each in recorded.of(MODIFIED)]


class TestPeers:
    def expected(self, vpn: Vpn, count: int = 1) -> int:
        return count if vpn.kind.wireguard else 0

    def test_joined_and_left(self, vpn: Vpn, template: Template, recorded: SignalRecorder, committing: Any) -> None:
        config = make.config(vpn.organization)
        for templates in ([template], []):
            recorded.clear()
            with committing():
                config.templates.set(templates)
                assert not recorded.of(PEERS)  # not before the commit
            assert len(recorded.of(PEERS)) == self.expected(vpn)
            assert all((each.sender, each.instance) == (Vpn, vpn) for each in recorded.of(PEERS))

    def test_once_in_a_transaction(
        self, vpn: Vpn, template: Template, recorded: SignalRecorder, committing: Any
    ) -> None:
        configs = [make.config(vpn.organization) for _ in range(3)]
        with committing():
            for config in configs:
                config.templates.add(template)
            configs[0].templates.clear()
        assert len(recorded.of(PEERS)) == self.expected(vpn)

    def test_undone(self, vpn: Vpn, template: Template, recorded: SignalRecorder, committing: Any) -> None:
        config = make.config(vpn.organization)
        with committing():
            try:
                with transaction.atomic():
                    config.templates.add(template)
                    raise KeyError
            except KeyError:
                pass
        assert not recorded.of(PEERS)

    def test_undone_in_part(self, vpn: Vpn, template: Template, recorded: SignalRecorder, committing: Any) -> None:
        first, second = (make.config(vpn.organization) for _ in range(2))
        with committing():
            try:
                with transaction.atomic():
                    first.templates.add(template)
                    raise KeyError
            except KeyError:
                pass
            second.templates.add(template)
        assert len(recorded.of(PEERS)) == self.expected(vpn)

    def test_saved_unchanged(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        with committing():
            VpnClient.objects.get().save()
        assert not recorded.names

    def test_another_key(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        client = VpnClient.objects.get()
        client.public_key = "k" * 44
        with committing():
            client.save()
        assert len(recorded.of(PEERS)) == self.expected(vpn)

    def test_not_automatic(self, vpn: Vpn, recorded: SignalRecorder, committing: Any) -> None:
        template = make.vpn_template(vpn, auto_cert=False)
        with committing():
            config = make.config(vpn.organization, templates=[template])
        with committing():
            config.templates.clear()
        assert not recorded.of(PEERS)

    @pytest.mark.parametrize("what", ["deactivate", "device", "template", "server"])
    def test_gone_with_something_else(
        self, vpn: Vpn, config: Config, template: Template, recorded: SignalRecorder, committing: Any, what: str
    ) -> None:
        with committing():
            if what == "deactivate":
                config.device.deactivate()
            else:
                {"device": config.device, "template": template, "server": vpn}[what].delete(
                    **({"check_deactivated": False} if what == "device" else {})
                )
        # nobody is told of the peers of a server that is gone
        assert len(recorded.of(PEERS)) == (0 if what == "server" else self.expected(vpn))


class TestServer:
    @pytest.mark.parametrize(
        ("changes", "count"),
        [
            ({"host": "vpn2.test.com"}, 1),
            ({"key": "another"}, 1),
            ({"host": "vpn2.test.com", "key": "another"}, 1),
            ({"name": "other"}, 0),
            ({"notes": "x"}, 0),
            ({"webhook_endpoint": "https://example.org", "auth_token": "t"}, 0),
            ({}, 0),
        ],
    )
    def test_fields(
        self, vpn: Vpn, recorded: SignalRecorder, committing: Any, changes: dict[str, Any], count: int
    ) -> None:
        recorded.clear()
        with committing():
            save(vpn, **changes)
        assert len(recorded.of(SERVER)) == count
        assert all((each.sender, each.instance) == (Vpn, vpn) for each in recorded.of(SERVER))
        assert not recorded.of(PEERS)

    def test_created_and_deleted(self, organization: Any, recorded: SignalRecorder, committing: Any) -> None:
        with committing():
            make.vpn(organization).delete()
        assert recorded.names == []

    def test_what_clients_see(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        before = config.checksum
        with committing():
            save(vpn, host="vpn2.test.com")
        assert announced(recorded) == [("related_template_changed", "applied")]
        assert (fresh(config).status, fresh(config).checksum != before) == ("modified", True)
        assert "vpn2.test.com" in str(files(config))

    def test_what_clients_do_not_see(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        with committing():
            save(vpn, key="another")
        assert recorded.names == [SERVER]
        assert fresh(config).status == "applied"

    @pytest.mark.parametrize("what", ["template", "server"])
    def test_deleted(
        self, vpn: Vpn, template: Template, config: Config, recorded: SignalRecorder, committing: Any, what: str
    ) -> None:
        with committing():
            {"template": template, "server": vpn}[what].delete()
        assert announced(recorded) == [("config_changed", "applied")]

    def test_assigned_and_removed(
        self, vpn: Vpn, config: Config, template: Template, recorded: SignalRecorder, committing: Any
    ) -> None:
        with committing():
            config.templates.remove(template)
        assert announced(recorded) == [("m2m_templates_changed", "applied")]
        recorded.clear()
        with committing():
            config.templates.add(template)
        assert announced(recorded) == [("m2m_templates_changed", "modified")]


class TestCertificates:
    @pytest.fixture
    def vpn(self, organization: Any, committing: Any) -> Vpn:
        with committing():
            return make.vpn(organization, "OpenVpn")

    def test_client_renewed(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        with committing():
            client_of(config, vpn).cert.renew()
        assert announced(recorded) == [("config_changed", "applied")]
        assert not recorded.of(SERVER)
        cert = client_of(config, vpn).cert
        assert files(config)[f"etc/x509/client-{vpn.pk.hex}.pem"] == cert.certificate

    def test_client_revoked_or_saved(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        with committing():
            cert = client_of(config, vpn).cert
            cert.save()
            cert.revoke()
        assert recorded.names == []

    def test_server_renewed(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        before = Vpn.objects.get().checksum
        with committing():
            vpn.cert.renew()
        assert recorded.names == [SERVER]
        assert fresh(config).status == "applied"
        vpn.refresh_from_db()
        assert vpn.get_context()["cert"] == vpn.cert.certificate
        assert (vpn.checksum == before) == ("{{" not in str(vpn.config))

    def test_ca_renewed(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        before = vpn.ca.certificate
        with committing():
            vpn.ca.renew()
        assert len(recorded.of(SERVER)) == 1
        assert len(announced(recorded)) == 1
        vpn.refresh_from_db()
        assert vpn.ca.certificate != before
        found, client = files(config), client_of(config, vpn)
        assert vpn.ca.certificate in found.values()
        assert client.cert.certificate in found.values()

    def test_ca_renewed_for_many(
        self, vpn: Vpn, template: Template, recorded: SignalRecorder, committing: Any, monkeypatch: Any
    ) -> None:
        """Until its own certificate is renewed no device is given the new one of the CA."""
        with committing():
            configs = [make.config(vpn.organization, templates=[template]) for _ in range(4)]
        before = {config.pk: fresh(config).checksum for config in configs}
        recorded.clear()
        with monkeypatch.context() as interrupted, committing():
            interrupted.setattr("openwisp_controller.pki.tasks.renew_outdated.delay", lambda *args: None)
            vpn.ca.renew()
        with committing():
            configs[0].context = {"a": "b"}
            configs[0].save()
        reconcile.delay()
        assert {config.pk: fresh(config).checksum for config in configs} == before
        with committing():
            renew_outdated.delay()
        assert len(recorded.of(SERVER)) == 1
        assert len(announced(recorded)) == 4
        for config in configs:
            assert client_of(config, vpn).cert.certificate in files(config).values()

    def test_activated_while_the_ca_is_renewed(
        self, vpn: Vpn, template: Template, recorded: SignalRecorder, committing: Any, monkeypatch: Any
    ) -> None:
        """The new status is announced at once, the configuration when the device has its certificate."""
        with committing():
            configs = [make.config(vpn.organization, config=interface("eth0")) for _ in range(4)]
            configs[0].device.deactivate()
            for config in configs:
                fresh(config).templates.add(template)
        with monkeypatch.context() as interrupted, committing():
            interrupted.setattr("openwisp_controller.pki.tasks.renew_outdated.delay", lambda *args: None)
            vpn.ca.renew()
        recorded.clear()
        with committing():
            fresh(configs[0]).device.activate()
        assert recorded.names == ["config_status_changed", "device_activated"]
        assert recorded.only("config_status_changed").instance.status == "modified"
        with committing():
            renew_outdated.delay()
        assert configs[0].pk in {each.instance.pk for each in recorded.of("config_modified")}
        assert len(recorded.of("config_status_changed")) == 1

    def test_server_gets_another_ca(self, vpn: Vpn, config: Config, recorded: SignalRecorder, committing: Any) -> None:
        former = client_of(config, vpn).cert
        with committing():
            vpn.ca = make.ca(vpn.organization)
            vpn.full_clean()
            vpn.save()
        former.refresh_from_db()
        cert = client_of(config, vpn).cert
        assert (former.revoked, cert.ca) == (True, vpn.ca)
        assert len(recorded.of(SERVER)) == 1
        assert announced(recorded) == [("related_template_changed", "applied")]
        assert {vpn.ca.certificate, cert.certificate} <= set(files(config).values())
