"""Subnets and addresses of VPN servers that are edited or deleted: nothing that was compiled with them stays."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_ipam.models import IpAddress

from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Job, Template, Vpn

from ... import factories as make
from ...recorder import SignalRecorder
from .helpers import client_of, errors_of, files

pytestmark = pytest.mark.django_db


@pytest.fixture
def vpn(organization: Any, committing: Any) -> Vpn:
    with committing():
        return make.vpn(organization, "VxlanWireguard")


@pytest.fixture
def template(vpn: Vpn) -> Template:
    return make.vpn_template(vpn)


@pytest.fixture
def config(organization: Any, template: Template, committing: Any) -> Config:
    with committing():
        return make.config(organization, templates=[template])


def edit(instance: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(instance, name, value)
    instance.full_clean()
    instance.save()


def network(config: Config) -> str:
    return files(config)["etc/config/network"]


class TestEditing:
    def test_the_address_of_a_device(self, vpn: Vpn, config: Config, committing: Any, recorded: SignalRecorder) -> None:
        with committing():
            edit(client_of(config, vpn).ip, ip_address="10.0.0.77")
        assert "10.0.0.77/32" in network(config)
        assert "AllowedIPs = 10.0.0.77/32" in files(vpn)["wg0.conf"]
        assert '"remote": "10.0.0.77"' in files(vpn)["vxlan.json"]
        assert recorded.names.count("vpn_peers_changed") == 1
        assert recorded.names.count("config_modified") == 1

    def test_the_address_of_the_server(
        self, vpn: Vpn, config: Config, committing: Any, recorded: SignalRecorder
    ) -> None:
        with committing():
            edit(vpn.ip, ip_address="10.0.0.99")
        assert "10.0.0.99/32" in network(config)
        assert "Address = 10.0.0.99/16" in files(vpn)["wg0.conf"]
        assert recorded.names.count("vpn_server_modified") == 1

    def test_the_network(self, vpn: Vpn, config: Config, committing: Any, recorded: SignalRecorder) -> None:
        with committing():
            edit(vpn.subnet, subnet="10.0.0.0/15")
        assert "Address = 10.0.0.1/15" in files(vpn)["wg0.conf"]
        assert recorded.names.count("vpn_server_modified") == 1

    def test_what_matters_to_nobody(self, vpn: Vpn, config: Config, committing: Any, recorded: SignalRecorder) -> None:
        with committing():
            edit(vpn.subnet, name="other", description="x")
            edit(vpn.ip, description="x")
            edit(client_of(config, vpn).ip, description="x")
        assert recorded.names == []


class TestDeleting:
    def test_the_address_of_the_server(self, vpn: Vpn, config: Config, committing: Any) -> None:
        IpAddress.objects.create(subnet=vpn.subnet, ip_address="10.0.0.3")
        with committing():
            edit(vpn.ip, ip_address="10.0.0.99")
            vpn.ip.delete()
        assert str(Vpn.objects.get().ip.ip_address) == "10.0.0.1"
        assert "Address = 10.0.0.1/16" in files(vpn)["wg0.conf"]
        assert "10.0.0.1/32" in network(config)

    def test_the_subnet(self, vpn: Vpn, config: Config, committing: Any, recorded: SignalRecorder) -> None:
        before = files(vpn), files(config)
        with committing():
            vpn.subnet.delete()
        device, server = Config.objects.get(), Vpn.objects.get()
        assert (device.status, server.is_stale) == ("error", False)
        assert device.compile_error.endswith("the server has no subnet.")
        assert server.compile_error == "The server has no address: choose a subnet that has a free one."
        assert (files(vpn), files(config)) == before
        assert recorded.names.count("vpn_server_modified") == 1
        assert recorded.names.count("vpn_peers_changed") == 1
        with committing():
            edit(server, subnet=make.subnet(server.organization, "10.8.0.0/16"))
        assert "AllowedIPs = 10.8.0.2/32" in files(vpn)["wg0.conf"]
        assert "10.8.0.2/32" in network(config)
        assert Config.objects.get().status == "modified"

    def test_the_organization(self, vpn: Vpn, config: Config, committing: Any) -> None:
        with committing():
            vpn.organization.delete()
        assert not Vpn.objects.exists()


def test_an_address_belongs_to_one(vpn: Vpn, config: Config, organization: Any) -> None:
    expected = {"ip": ["A device or another VPN server has this address: choose another one, or leave it blank."]}
    assert errors_of(Vpn.objects.get(), ip=client_of(config, vpn).ip) == expected
    second = Vpn(organization=organization, name="b", host="h", backend=vpn.backend, config=make.VXLAN)
    assert errors_of(second, subnet=vpn.subnet, ip=vpn.ip) == expected


class TestSubnetThatComesLater:
    """An OpenVPN server needs no subnet; once it has one, devices that are connected already get addresses."""

    @pytest.fixture
    def vpn(self, organization: Any) -> Vpn:
        return make.vpn(organization, "OpenVpn")

    def test_from_the_subnet(self, vpn: Vpn, config: Config, organization: Any, committing: Any) -> None:
        with committing():
            edit(vpn, subnet=make.subnet(organization))
        assert str(client_of(config, vpn).ip.ip_address) == "10.0.0.2"
        assert Config.objects.get().get_context()[f"ip_address_{vpn.pk.hex}"] == "10.0.0.2"

    def test_from_a_rule(self, vpn: Vpn, config: Config, organization: Any, committing: Any) -> None:
        subnet = make.subnet(organization)
        with committing():
            make.division_rule(subnet, "vpn")
        with committing():
            edit(vpn, subnet=subnet)
        assert str(client_of(config, vpn).ip.ip_address) == "10.0.0.17"
        assert Config.objects.get().get_context()["OW_subnet1"] == "10.0.0.16/28"

    def test_from_an_exhausted_one_that_has_room_again(
        self, vpn: Vpn, config: Config, template: Template, organization: Any, committing: Any
    ) -> None:
        with committing():
            edit(vpn, subnet=make.subnet(organization, "10.7.0.0/30"))
            other = make.config(organization)
            other.templates.through.objects.create(config=other, template=template, sort_value=1)
            jobs.enqueue(Job.Kind.VPN_TEMPLATE, template.pk)
        assert client_of(other, vpn).ip is None
        with committing():
            config.templates.set([])
            jobs.enqueue(Job.Kind.VPN_TEMPLATE, template.pk)
        assert str(client_of(other, vpn).ip.ip_address) == "10.7.0.2"
