"""Clients follow the templates of devices: what they get, what they keep, what they lose."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.signals import post_delete, post_save
from django.test.utils import CaptureQueriesContext
from openwisp_ipam.models import IpAddress
from openwisp_notifications.models import Notification
from openwisp_users.models import User

from openwisp_controller.common.wakeup import wake
from openwisp_controller.config import maintenance
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Device, Job, Template, Vpn, VpnClient
from openwisp_controller.config.vpn import servers
from openwisp_controller.pki.models import Cert

from ... import factories as make
from ..scenarios import fresh, interface
from .helpers import client_of, files

pytestmark = pytest.mark.django_db


@pytest.fixture
def vpn(organization: Any) -> Vpn:
    return make.vpn(organization)


@pytest.fixture
def template(vpn: Vpn) -> Template:
    return make.vpn_template(vpn)


@pytest.fixture
def config(organization: Any, template: Template) -> Config:
    return make.config(organization, templates=[template])


def addresses() -> list[str]:
    return sorted(str(address.ip_address) for address in IpAddress.objects.all())


class TestGetting:
    def test_all_that_a_client_needs(self, config: Config, vpn: Vpn) -> None:
        client = client_of(config, vpn)
        assert (client.auto_cert, str(client.ip.ip_address)) == (True, "10.0.0.2")
        assert [len(client.public_key), len(client.private_key)] == [44, 44]

    def test_nothing_unless_automatic(self, vpn: Vpn) -> None:
        config = make.config(vpn.organization, templates=[make.vpn_template(vpn, auto_cert=False)])
        client = client_of(config, vpn)
        assert (client.ip, client.public_key, client.private_key, client.cert) == (None, "", "", None)

    def test_default_templates(self, vpn: Vpn) -> None:
        make.vpn_template(vpn, default=True)
        assert client_of(make.config(vpn.organization), vpn).ip is not None

    def test_enrolment(self, vpn: Vpn, client: Any) -> None:
        make.vpn_template(vpn, default=True)
        form = {"secret": make.SECRET, "name": "new", "mac_address": "02:12:34:56:78:9a", "backend": make.BACKEND}
        assert client.post("/controller/register/", form).status_code == 201
        config = Config.objects.get()
        assert "option private_key" in files(config)["etc/config/network"]

    def test_group(self, vpn: Vpn, template: Template) -> None:
        group = make.group(vpn.organization, templates=[template])
        config = Config.objects.get(device=make.device(vpn.organization, group=group))
        assert client_of(config, vpn)
        config.device.group = None
        config.device.save()
        assert not VpnClient.objects.exists()

    def test_saving_again_keeps_everything(self, config: Config, vpn: Vpn) -> None:
        client = client_of(config, vpn)
        before = (client.ip_id, client.public_key, client.vni)
        client.full_clean()
        client.save()
        assert (client.ip_id, client.public_key, client.vni) == before
        assert addresses() == ["10.0.0.1", "10.0.0.2"]

    def test_another_app_gives_the_address(self, vpn: Vpn, monkeypatch: Any) -> None:
        monkeypatch.setattr(VpnClient, "_auto_ip_stoppers", [])
        VpnClient.register_auto_ip_stopper(lambda client: client.vpn == vpn)
        client = make.config(vpn.organization)
        client.vpnclient_set.create(vpn=vpn, template=make.vpn_template(vpn), auto_cert=True)
        assert client_of(client, vpn).ip is None

    def test_clients_are_announced_one_by_one(self, vpn: Vpn, template: Template) -> None:
        created: list[VpnClient] = []

        def receiver(instance: VpnClient, created: bool, **kwargs: Any) -> None:
            assert created
            assert instance.ip is not None
            seen.append(instance)

        seen = created
        post_save.connect(receiver, sender=VpnClient)
        try:
            config = make.config(vpn.organization, templates=[template])
        finally:
            post_save.disconnect(receiver, sender=VpnClient)
        assert created == [client_of(config, vpn)]


class TestKeeping:
    def test_another_template_of_the_same_server(self, config: Config, vpn: Vpn) -> None:
        before = client_of(config, vpn)
        other = make.vpn_template(vpn)
        config.templates.set([other])
        after = client_of(config, vpn)
        assert (after.pk, after.ip, after.public_key) == (before.pk, before.ip, before.public_key)
        assert after.template == other

    def test_template_of_another_server(self, config: Config, vpn: Vpn, template: Template, committing: Any) -> None:
        other = make.vpn(vpn.organization, subnet=make.subnet(vpn.organization, "10.7.0.0/16"))
        with committing():
            template.vpn, template.config = other, {}
            template.full_clean()
            template.save()
        client = config.vpnclient_set.get()
        assert (client.vpn, str(client.ip.ip_address)) == (other, "10.7.0.2")
        assert f"pvt_key_{other.pk.hex}" in fresh(config).get_context()
        assert client.private_key in files(config)["etc/config/network"]

    def test_provisioning_turned_off_and_on(self, config: Config, template: Template, committing: Any) -> None:
        for auto_cert in (False, True):
            with committing():
                template.auto_cert = auto_cert
                template.save()
            client = config.vpnclient_set.get()
            assert (client.auto_cert, client.ip is not None) == (auto_cert, auto_cert)
        assert addresses() == ["10.0.0.1", "10.0.0.2"]


class TestLosing:
    def lost(self) -> bool:
        return not VpnClient.objects.exists() and addresses() == ["10.0.0.1"]

    def test_template_removed(self, config: Config, template: Template) -> None:
        config.templates.remove(template)
        assert self.lost()

    def test_template_deleted(self, config: Config, template: Template, committing: Any) -> None:
        with committing():
            template.delete()
        assert self.lost()
        assert "wireguard" not in str(files(config))

    def test_templates_deleted(self, config: Config) -> None:
        Template.objects.all().delete()
        assert self.lost()

    def test_device_deactivated_and_activated(self, config: Config, vpn: Vpn, template: Template) -> None:
        config.device.deactivate()
        assert self.lost()
        template.required = True
        template.save()
        Device.objects.get().activate()
        assert str(client_of(config, vpn).ip.ip_address) == "10.0.0.2"

    def test_device_deleted(self, config: Config) -> None:
        config.device.delete(check_deactivated=False)
        assert self.lost()

    def test_server_deleted(self, config: Config, vpn: Vpn, committing: Any) -> None:
        with committing():
            vpn.delete()
        assert not VpnClient.objects.exists()
        assert addresses() == []
        assert not Template.objects.exists()
        assert "wireguard" not in str(files(config))

    def test_cleared(self, config: Config) -> None:
        config.templates.clear()
        assert not self.lost(), "the list may be about to be written again"
        config.templates.set([])
        assert self.lost()

    def test_certificates_are_revoked(self, organization: Any) -> None:
        vpn = make.vpn(organization, "OpenVpn")
        config = make.config(organization, templates=[make.vpn_template(vpn)])
        cert = client_of(config, vpn).cert
        config.templates.set([])
        cert.refresh_from_db()
        assert cert.revoked

    def test_certificates_of_people_are_not(self, organization: Any) -> None:
        vpn = make.vpn(organization, "OpenVpn")
        config = make.config(organization, templates=[make.vpn_template(vpn, auto_cert=False)])
        cert = make.cert(vpn.ca)
        client_of(config, vpn).cert = cert
        VpnClient.objects.update(cert=cert)
        config.templates.set([])
        cert.refresh_from_db()
        assert not cert.revoked

    def test_deletion_is_announced_one_by_one(self, config: Config, template: Template) -> None:
        seen: list[int] = []

        def receiver(instance: VpnClient, **kwargs: Any) -> None:
            seen.append(instance.pk)

        key = config.vpnclient_set.get().pk
        post_delete.connect(receiver, sender=VpnClient)
        try:
            config.templates.remove(template)
        finally:
            post_delete.disconnect(receiver, sender=VpnClient)
        assert seen == [key]


class TestExhaustion:
    @pytest.fixture
    def small(self, organization: Any) -> Vpn:
        """A server whose subnet has room for one device."""
        return make.vpn(organization, subnet=make.subnet(organization, "10.7.0.0/30"))

    def test_a_person_is_told(self, small: Vpn) -> None:
        template = make.vpn_template(small)
        make.config(small.organization, templates=[template])
        second = make.config(small.organization)
        with pytest.raises(ValidationError, match=r"The subnet 10.7.0.0/30 has no free address left for this device."):
            second.templates.add(template)
        assert not second.templates.exists()

    def test_an_enrolment_goes_on(self, small: Vpn, committing: Any) -> None:
        with committing():
            User.objects.create_superuser("admin", "admin@example.org", "p")
        make.vpn_template(small, default=True)
        with committing():
            make.config(small.organization)
            second = make.config(small.organization)
        client = client_of(second, small)
        assert client.ip is None
        config = Config.objects.get(pk=second.pk)
        assert config.status == "error"
        assert "has no address for the VPN server" in config.compile_error
        assert "10.7.0.0/30" in Notification.objects.get().description

    def test_a_freed_address_is_used(self, small: Vpn) -> None:
        template = make.vpn_template(small)
        first = make.config(small.organization, templates=[template])
        first.templates.set([])
        assert str(client_of(make.config(small.organization, templates=[template]), small).ip.ip_address) == "10.7.0.2"


class TestAddresses:
    def test_taken_ones_and_child_subnets_are_left_alone(self, vpn: Vpn, template: Template) -> None:
        make.subnet(vpn.organization, "10.0.0.4/30", master_subnet=vpn.subnet)
        for text in ("10.0.0.2", "10.0.0.8"):
            IpAddress.objects.create(subnet=vpn.subnet, ip_address=text)
        configs = [make.config(vpn.organization, templates=[template]) for _ in range(2)]
        assert [str(client_of(config, vpn).ip.ip_address) for config in configs] == ["10.0.0.3", "10.0.0.9"]

    def test_taken_above(self, organization: Any) -> None:
        master = make.subnet(organization)
        IpAddress.objects.create(subnet=master, ip_address="10.0.0.9")
        vpn = make.vpn(organization, subnet=make.subnet(organization, "10.0.0.8/29", master_subnet=master))
        assert str(vpn.ip.ip_address) == "10.0.0.10"

    def test_an_address_deleted_by_hand_is_replaced(self, config: Config, vpn: Vpn, committing: Any) -> None:
        IpAddress.objects.create(subnet=vpn.subnet, ip_address="10.0.0.3")
        with committing():
            client_of(config, vpn).ip.delete()
        assert str(client_of(config, vpn).ip.ip_address) == "10.0.0.2"

    def test_a_certificate_deleted_by_hand_is_replaced(self, organization: Any, committing: Any) -> None:
        vpn = make.vpn(organization, "OpenVpn")
        config = make.config(organization, templates=[make.vpn_template(vpn)])
        with committing():
            client_of(config, vpn).cert.delete()
        cert = client_of(config, vpn).cert
        assert files(config)[f"etc/x509/client-{vpn.pk.hex}.pem"] == cert.certificate

    def test_a_deleted_certificate_leaves_compiling_to_workers(self, organization: Any) -> None:
        vpn = make.vpn(organization, "OpenVpn")
        config = make.config(organization, templates=[make.vpn_template(vpn)])
        before = Config.objects.get(pk=config.pk)
        client_of(config, vpn).cert.delete()
        after = Config.objects.get(pk=config.pk)
        assert (after.released_id, after.stale_detail) == (before.released_id, "certificate deleted")


class TestOneTemplatePerServer:
    """A device is a client of a server once, in whichever way it comes to a second template."""

    @pytest.fixture
    def mine(self, vpn: Vpn) -> Template:
        return make.vpn_template(vpn, name="mine", auto_cert=False)

    def templates_of(self, config: Config) -> list[str]:
        return [template.name for template in config.ordered_templates()]

    def test_default_template(self, organization: Any, vpn: Vpn, mine: Template) -> None:
        config, other = make.config(organization, templates=[mine]), make.config(organization)
        make.vpn_template(vpn, name="everybody", default=True)
        jobs.run_all()
        assert self.templates_of(config) == ["mine"]
        assert not client_of(config, vpn).auto_cert
        assert self.templates_of(other) == ["everybody"]

    def test_required_template_replaces_others(self, organization: Any, vpn: Vpn, mine: Template) -> None:
        config = make.config(organization, templates=[make.template(organization, "wifi"), mine])
        make.vpn_template(vpn, name="everybody", required=True)
        jobs.run_all()
        assert self.templates_of(config) == ["everybody", "wifi"]
        assert client_of(config, vpn).auto_cert

    def test_new_device(self, organization: Any, vpn: Vpn, mine: Template) -> None:
        for name in ("first", "second"):
            make.vpn_template(vpn, name=name, default=True)
        device = make.device(organization, group=make.group(organization, templates=[mine]))
        assert self.templates_of(device.config) == ["first"]

    def test_template_gets_another_server(self, organization: Any, vpn: Vpn, mine: Template) -> None:
        second = make.vpn_template(make.vpn(organization, subnet=make.subnet(organization, "10.1.0.0/16")))
        make.config(organization, templates=[mine, second])
        second.vpn = vpn
        with pytest.raises(ValidationError) as caught:
            second.full_clean()
        assert caught.value.message_dict == {
            "vpn": ["Devices that use this template have another template of this VPN server."]
        }

    def test_group_and_activation(self, organization: Any, vpn: Vpn, mine: Template) -> None:
        config = make.config(organization, templates=[mine])
        config.device.group = make.group(organization, templates=[make.vpn_template(vpn, name="group's")])
        config.device.save()
        assert self.templates_of(config) == ["mine"]
        config.device.deactivate()
        config.templates.add(mine)
        config.device.activate()
        assert self.templates_of(config) == ["mine"]


class TestTemplateConfiguration:
    """What nobody edited follows the server and the kind of provisioning that the template is given."""

    def test_another_server(self, organization: Any, template: Template, config: Config, committing: Any) -> None:
        other = make.vpn(organization, "VxlanWireguard", subnet=make.subnet(organization, "10.1.0.0/16"))
        with committing():
            template.vpn = other
            template.full_clean()
            template.save()
        assert f"{{{{ip_address_{other.pk.hex}}}}}" in str(template.config)
        assert "vxlan0" in files(config)["etc/config/network"]
        assert not fresh(config).compile_error

    def test_another_kind_of_provisioning(self, organization: Any, committing: Any) -> None:
        vpn = make.vpn(organization, "OpenVpn")
        template = make.vpn_template(vpn, auto_cert=False)
        config = make.config(organization, templates=[template])
        for auto_cert in (True, False):
            with committing():
                template.auto_cert = auto_cert
                template.full_clean()
                template.save()
            assert (f"etc/x509/key-{vpn.pk.hex}.pem" in files(config)) == auto_cert

    def test_an_edited_one_stays(self, organization: Any) -> None:
        template = make.vpn_template(make.vpn(organization, "OpenVpn"), auto_cert=False)
        template.config["openvpn"][0]["verb"] = 5
        template.full_clean()
        template.save()
        edited = dict(template.config)
        template.auto_cert = True
        template.full_clean()
        assert template.config == edited


class TestManyAtOnce:
    COUNT = 60

    @pytest.fixture
    def fleet(self, organization: Any, lost_messages: Any) -> None:
        for _ in range(self.COUNT):
            make.config(organization)

    def provision(self, template: Template) -> int:
        """Give a template to everybody; return the number of statements."""
        template.default = True
        template.save()
        with CaptureQueriesContext(connection) as queries:
            jobs.run_all()
        return len(queries)

    @pytest.mark.parametrize("kind", ["Wireguard", "VxlanWireguard"])
    def test_statements_do_not_grow_with_devices(self, organization: Any, fleet: None, kind: str) -> None:
        statements = self.provision(make.vpn_template(make.vpn(organization, kind)))
        clients = VpnClient.objects.select_related("ip")
        assert len({str(client.ip.ip_address) for client in clients}) == self.COUNT
        assert len({client.private_key for client in clients}) == self.COUNT
        assert statements < self.COUNT
        assert not Job.objects.exists()

    def test_certificates_are_left_to_the_background(self, organization: Any, fleet: None) -> None:
        vpn = make.vpn(organization, "OpenVpn")
        before = {config.pk: config.checksum for config in Config.objects.all()}
        self.provision(make.vpn_template(vpn))
        assert not Cert.objects.exclude(pk=vpn.cert_id).exists()
        maintenance.compile_stale()
        assert {config.pk: config.checksum for config in Config.objects.all()} == before
        maintenance.reconcile()
        maintenance.reconcile()
        assert Cert.objects.exclude(pk=vpn.cert_id).count() == self.COUNT
        for config in Config.objects.all():
            assert files(config)[f"etc/x509/key-{vpn.pk.hex}.pem"] == client_of(config, vpn).cert.private_key
        assert not Config.objects.filter(stale_since__isnull=False).exists()

    def test_removing_them_all(self, organization: Any, fleet: None) -> None:
        vpn = make.vpn(organization)
        template = make.vpn_template(vpn)
        self.provision(template)
        with CaptureQueriesContext(connection) as queries:
            template.delete()
        assert len(queries) < self.COUNT
        assert addresses() == ["10.0.0.1"]

    def test_one_more_peer_is_one_statement_more_for_nobody(self, organization: Any, fleet: None) -> None:
        vpn = make.vpn(organization)
        self.provision(make.vpn_template(vpn))
        maintenance.reconcile()
        with CaptureQueriesContext(connection) as queries:
            make.config(organization)
        added = len(queries)
        VpnClient.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            make.config(organization)
        assert abs(added - len(queries)) <= 1
        servers.compile_stale()
        assert files(vpn)["wg0.conf"].count("[Peer]") == 1


def test_a_configuration_that_never_was_compiled_waits_for_its_key(
    organization: Any, committing: Any, client: Any
) -> None:
    """Long keys are not made while somebody waits; until they exist the device gets nothing."""
    vpn = make.vpn(organization, "OpenVpn", ca=make.ca(organization, key_length="4096"), cert=None)
    make.vpn_template(vpn, default=True)
    config = make.config(organization)
    device = config.device
    assert (config.released, client_of(config, vpn).cert) == (None, None)
    assert client.get(f"/controller/checksum/{device.pk.hex}/", {"key": device.key}).status_code == 503
    with committing():
        wake("config.make_client_credentials")
    assert client_of(config, vpn).cert.key_length == "4096"
    assert client.get(f"/controller/checksum/{device.pk.hex}/", {"key": device.key}).status_code == 200


def test_a_device_of_another_backend_is_no_client(organization: Any, template: Template) -> None:
    config = make.config(organization, backend="netjsonconfig.OpenWisp", config=interface("eth0"))
    with pytest.raises(ValidationError, match="made for another backend"):
        config.templates.add(template)
    assert not config.vpnclient_set.exists()


def test_a_device_that_changes_its_backend_is_no_client_any_more(config: Config, vpn: Vpn) -> None:
    config.backend = "netjsonconfig.OpenWisp"
    config.save()
    assert not VpnClient.objects.exists()
    config.backend = make.BACKEND
    config.save()
    assert client_of(config, vpn).ip is not None
