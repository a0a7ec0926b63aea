"""Mixins that create devices, configurations, templates, groups and VPN servers in tests of packages.

Each ``_create_…`` method checks and stores one object; keyword arguments go before what is made up.
"""

from __future__ import annotations

import uuid
from typing import Any
from unittest import mock

from openwisp_ipam.tests import CreateModelsMixin as CreateIpamModelsMixin
from openwisp_users.tests.utils import TestOrganizationMixin
from swapper import load_model

Organization = load_model("openwisp_users", "Organization")
Config = load_model("config", "Config")
Device = load_model("config", "Device")
DeviceGroup = load_model("config", "DeviceGroup")
OrganizationConfigSettings = load_model("config", "OrganizationConfigSettings")
Template = load_model("config", "Template")
Vpn = load_model("config", "Vpn")
Ca = load_model("django_x509", "Ca")
Cert = load_model("django_x509", "Cert")

OPENWRT = "netjsonconfig.OpenWrt"
TEST_ORG_SHARED_SECRET = "functional_testing_secret"


def stored(instance: Any) -> Any:
    """Return an object, checked and stored."""
    instance.full_clean()
    instance.save()
    return instance


class CreateDeviceMixin(TestOrganizationMixin):
    """Creates devices, and organizations in which devices can enrol."""

    TEST_MAC_ADDRESS = "00:11:22:33:44:55"

    def _create_org(self, **kwargs: Any) -> Any:
        organization = super()._create_org(**kwargs)
        OrganizationConfigSettings.objects.get_or_create(
            organization=organization, defaults={"shared_secret": self._secret_of(organization)}
        )
        return organization

    def _secret_of(self, organization: Any) -> str:
        """The first organization has the well-known secret; secrets are unique."""
        if OrganizationConfigSettings.objects.filter(shared_secret=TEST_ORG_SHARED_SECRET).exists():
            return uuid.uuid4().hex
        return TEST_ORG_SHARED_SECRET

    def _create_device(self, **kwargs: Any) -> Any:
        options = {
            "name": "default.test.device", "mac_address": self.TEST_MAC_ADDRESS, "hardware_id": uuid.uuid4().hex,
            "model": "TP-Link TL-WDR4300 v1", "os": "LEDE Reboot 17.01-SNAPSHOT r3313-c2999ef", **kwargs,
        }  # fmt: skip
        options.setdefault("organization", self._get_org() if "organization" not in kwargs else None)
        return stored(Device(**options))

    def _create_device_config(
        self, device_opts: dict[str, Any] | None = None, config_opts: dict[str, Any] | None = None
    ) -> Any:
        """Return a device that has a configuration."""
        device = self._create_device(**{"name": "test", **(device_opts or {})})
        self._create_config(**{"device": device, **(config_opts or {})})
        return device

    def _create_config(self, **kwargs: Any) -> Any:
        """Return a configuration; ``organization`` is that of a device to be made where none is given."""
        options = {"backend": OPENWRT, "config": {"general": {}}, **kwargs}
        organization = options.pop("organization", None)
        templates = options.pop("templates", None)
        if "device" not in options:
            options["device"] = self._create_device(
                name="test", **({"organization": organization} if organization is not None else {})
            )
        present = Config.objects.filter(device=options["device"]).first()  # it may have come with a group
        config = present or Config(device=options["device"])
        for name, value in options.items():
            setattr(config, name, value)
        stored(config)
        if templates is not None:
            config.templates.set(templates)
        return config


class CreateConfigMixin(CreateDeviceMixin):
    """Creates configurations."""

    TEST_KEY = "w1gwJxKaHcamUw62TQIPgYchwLKn3AA0"


class CreateTemplateMixin:
    """Creates templates."""

    def _create_template(self, **kwargs: Any) -> Any:
        options = {
            "name": "test-template",
            "backend": OPENWRT,
            "config": {"interfaces": [{"name": "eth0", "type": "ethernet"}]},
            **kwargs,
        }
        return stored(Template(**options))


class CreateConfigTemplateMixin(CreateTemplateMixin, CreateConfigMixin):
    """Creates devices, configurations and templates."""


class CreateDeviceGroupMixin:
    """Creates groups of devices."""

    def _create_device_group(self: Any, **kwargs: Any) -> Any:
        options = {"name": "Routers", "description": "Group for all routers", "meta_data": {}, **kwargs}
        if "organization" not in options:
            options["organization"] = self._get_org()
        return stored(DeviceGroup(**options))


class TestVpnX509Mixin:
    """Creates certification authorities, certificates and OpenVPN servers."""

    _vpn_config: dict[str, Any] = {
        "openvpn": [
            {
                "ca": "ca.pem", "cert": "cert.pem", "dev": "tap0", "dev_type": "tap", "dh": "dh.pem", "key": "key.pem",
                "mode": "server", "name": "example-vpn", "proto": "udp", "tls_server": True,
            }
        ]
    }  # fmt: skip

    def _create_ca(self, **kwargs: Any) -> Any:
        options = {
            "name": "Test CA", "key_length": "2048", "digest": "sha256", "country_code": "IT", "state": "RM",
            "city": "Rome", "organization_name": "OpenWISP", "email": "test@test.com", "common_name": "openwisp.org",
            "extensions": [], **kwargs,
        }  # fmt: skip
        return stored(Ca(**options))

    def _create_cert(self, cert_model: Any = None, **kwargs: Any) -> Any:
        options = {
            "name": "TestCert", "key_length": "2048", "digest": "sha256", "country_code": "IT", "state": "RM",
            "city": "Rome", "organization_name": "OpenWISP", "email": "test@test.com", "common_name": "openwisp.org",
            "extensions": [], **kwargs,
        }  # fmt: skip
        options.setdefault("ca", None)
        if options["ca"] is None:
            options["ca"] = self._create_ca(organization=options.get("organization"))
        return stored((cert_model or Cert)(**options))

    def _create_vpn(self, ca_options: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        options = {
            "name": "test", "host": "vpn1.test.com", "backend": "openwisp_controller.vpn_backends.OpenVpn",
            "config": self._vpn_config, "organization": None, **kwargs,
        }  # fmt: skip
        if options["backend"].endswith("OpenVpn") and "ca" not in options:
            options["ca"] = self._create_ca(**(ca_options or {}))
        return stored(Vpn(**options))


class _TunnelsMixin(CreateIpamModelsMixin):
    """What VPN servers with addresses of their own have in common."""

    def _server(self: Any, backend: str, network: str, **kwargs: Any) -> Any:
        options = {
            "name": f"test {backend}", "backend": f"openwisp_controller.vpn_backends.{backend}", "ca": None, **kwargs
        }  # fmt: skip
        if "subnet" not in options:
            organization = options.get("organization")
            options["subnet"] = self._create_subnet(name=backend, subnet=network, organization=organization)
        return self._create_vpn(**options)

    def _connected(self: Any, server: Any, name: str, auto_cert: bool = True, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Return a device that uses a template of a server, the server and the template."""
        organization = kwargs.pop("organization", None) or self._get_org()
        template = self._create_template(name=name, type="vpn", vpn=server, auto_cert=auto_cert, config={}, **kwargs)
        device = self._create_device_config(device_opts={"organization": organization})
        device.config.templates.add(template)
        return device, server, template


class TestWireguardVpnMixin(_TunnelsMixin):
    """Creates WireGuard servers, also below VXLAN; goes with ``TestVpnX509Mixin``."""

    def _create_wireguard_vpn(self, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        config = config or {"wireguard": [{"name": "wg0", "port": 51820}]}
        return self._server("Wireguard", "10.0.0.0/16", config=config, **kwargs)

    def _create_wireguard_vpn_template(self, auto_cert: bool = True, **kwargs: Any) -> tuple[Any, Any, Any]:
        return self._connected(self._create_wireguard_vpn(), "wireguard-test", auto_cert, **kwargs)

    def _create_vxlan_tunnel(self, config: dict[str, Any] | None = None, **kwargs: Any) -> tuple[Any, Any]:
        """Return a server, and its subnet."""
        config = config or {"wireguard": [{"name": "wg0", "port": 51820}], "vxlan": [{"name": "vxlan1"}]}
        server = self._server("VxlanWireguard", "10.1.0.0/16", config=config, **kwargs)
        return server, server.subnet

    def _create_vxlan_vpn_template(self, auto_cert: bool = True, **kwargs: Any) -> tuple[Any, Any, Any]:
        return self._connected(self._create_vxlan_tunnel()[0], "vxlan-test", auto_cert, **kwargs)


class TestZeroTierVpnMixin(_TunnelsMixin):
    """Creates ZeroTier servers; their controller has to be there, see ``host``. Goes with ``TestVpnX509Mixin``."""

    _TEST_ZT_NETWORK_CONFIG: dict[str, Any] = {
        "id": "9536600adf654321", "nwid": "9536600adf654321", "objtype": "network", "private": True, "revision": 1,
        "name": "ow_zerotier", "routes": [], "ipAssignmentPools": [], "creationTime": 1632012345,
    }  # fmt: skip
    _TEST_ZT_NODE_CONFIG: dict[str, Any] = {"address": "9536600adf", "online": True}
    _TEST_ZT_MEMBER_CONFIG: dict[str, Any] = {
        "id": "4d1b6c2f3a", "address": "4d1b6c2f3a", "nwid": "9536600adf654321", "authorized": True,
        "ipAssignments": ["10.0.0.2"],
    }  # fmt: skip

    def _get_mock_response(self, status_code: int, response: Any = None, exc: Any = None) -> Any:
        """Return what stands for an answer of a ZeroTier controller; ``exc`` is raised by its ``json()``."""
        answer = mock.Mock(status_code=status_code, ok=status_code < 400)
        answer.json = mock.Mock(return_value=response or {}, side_effect=exc)
        return answer

    def _create_zerotier_vpn(self, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        config = config or {"zerotier": [{"name": "test", "private": True}]}
        options = {"host": "localhost:9993", "auth_token": "test", **kwargs}
        return self._server("ZeroTier", "10.0.0.0/16", config=config, **options)

    def _create_zerotier_vpn_template(self, auto_cert: bool = True, **kwargs: Any) -> tuple[Any, Any, Any]:
        return self._connected(self._create_zerotier_vpn(), "zerotier-test", auto_cert, **kwargs)
