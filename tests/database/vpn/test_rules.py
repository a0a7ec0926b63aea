"""What VPN servers and their templates must be, and what is said when they are not."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Template, Vpn
from openwisp_controller.config.vpn import servers
from openwisp_controller.pki.models import Ca

from ... import factories as make
from .helpers import errors_of

pytestmark = pytest.mark.django_db
BACKENDS = "openwisp_controller.vpn_backends"
MATCH = "Please ensure that the organization of this VPN server and the organization of the related {} match."
AVOID = " Shared objects are visible to all organizations and must have unique names to avoid confusion."


@pytest.fixture
def vpn(organization: Any) -> Vpn:
    return make.vpn(organization, name="server")


@pytest.fixture
def openvpn(organization: Any) -> Vpn:
    return make.vpn(organization, "OpenVpn", name="server")


class TestServer:
    def test_a_shared_name_is_taken_for_everybody(self, organization: Any) -> None:
        make.vpn(None, name="server", subnet=make.subnet(None, "10.1.0.0/16"))
        errors = errors_of(make.vpn(organization, name="other"), name="server")
        assert errors == {"name": ["There is already another shared vpn with this name." + AVOID]}

    def test_a_shared_one_needs_a_new_name(self, vpn: Vpn) -> None:
        shared = make.vpn(None, name="other", subnet=make.subnet(None, "10.1.0.0/16"))
        errors = errors_of(shared, name="server")
        assert errors == {"name": ["There is already a vpn of another organization with this name." + AVOID]}

    def test_a_name_is_unique_in_its_organization(self, vpn: Vpn) -> None:
        other = make.vpn(vpn.organization, name="other", subnet=vpn.subnet)
        assert errors_of(other, name="server") == {
            "__all__": ["VPN server with this Organization and Name already exists."]
        }

    @pytest.mark.parametrize(
        ("config", "field", "text"),
        [
            ({}, "config", "This field cannot be blank."),
            ([1], "config", "Unexpected configuration format."),
            ({"wireguard": []}, "__all__", 'Invalid configuration triggered by "#/wireguard", validator says'),
            ({"wireguard": [{"name": "wg0"}]}, "__all__", 'triggered by "#/wireguard/0"'),
            ({"wireguard": [{"name": "wg0", "port": 0}]}, "__all__", 'triggered by "#/wireguard/0/port"'),
            ({"wireguard": [{"name": "../wg0", "port": 1}]}, "__all__", 'triggered by "#/wireguard/0/name"'),
            ({"wireguard": [{"name": "wg0", "port": 1, "x": "\ud800"}]}, "config", "Incomplete characters"),
            ({"openvpn": []}, "__all__", "'wireguard' is a required property"),
        ],
    )
    def test_configuration(self, vpn: Vpn, config: Any, field: str, text: str) -> None:
        errors = errors_of(vpn, config=config)
        assert text in errors[field][0]
        assert vpn.private_key not in str(errors)

    @pytest.mark.parametrize(("vni", "works"), [(0, False), (1, True), (2**24 - 1, True), (2**24, False), ("", True)])
    def test_network_identifier(self, organization: Any, vni: Any, works: bool) -> None:
        vpn = make.vpn(organization, "VxlanWireguard")
        errors = errors_of(vpn, config={**make.WIREGUARD, "vxlan": [{"name": "vxlan0", "vni": vni}]})
        assert ('triggered by "#/vxlan/0/vni"' in str(errors)) != works

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("name", "a\nb", "This value must not contain line breaks or other control characters."),
            ("host", "a\nb", "This value must not contain spaces or line breaks."),
            ("host", "a b", "This value must not contain spaces or line breaks."),
        ],
    )
    def test_texts(self, vpn: Vpn, field: str, value: str, text: str) -> None:
        assert errors_of(vpn, **{field: value}) == {field: [text]}

    def test_configuration_of_another_backend(self, openvpn: Vpn) -> None:
        assert "'openvpn' is a required property" in errors_of(openvpn, config=make.WIREGUARD)["__all__"][0]

    def test_unknown_backend(self, vpn: Vpn) -> None:
        errors = errors_of(vpn, backend="nowhere.Backend")
        assert any("is not a valid choice" in text for text in errors["backend"])
        assert any('Error while importing "nowhere.Backend"' in text for text in errors["backend"])

    @pytest.mark.parametrize("key", ["a b", "a/b", "a.b", "a\n"])
    def test_key(self, vpn: Vpn, key: str) -> None:
        assert errors_of(vpn, key=key) == {"key": ["This value must not contain spaces, dots or slashes."]}

    def test_backend_in_use(self, vpn: Vpn) -> None:
        make.config(vpn.organization, templates=[make.vpn_template(vpn)])
        errors = errors_of(vpn, backend=f"{BACKENDS}.VxlanWireguard")
        assert errors == {"backend": ["Backend cannot be changed because the VPN is currently in use."]}

    def test_ca_is_needed(self, openvpn: Vpn) -> None:
        assert errors_of(openvpn, ca=None, cert=None) == {"ca": ["CA is required with this VPN backend"]}

    def test_certificate_of_another_ca(self, openvpn: Vpn) -> None:
        foreign = make.cert(make.ca(openvpn.organization))
        errors = errors_of(openvpn, cert=foreign)
        assert errors == {"cert": ["The selected certificate must match the selected CA."]}

    @pytest.mark.parametrize("state", ["revoked", "expired"])
    def test_certificate_that_cannot_be_used(self, openvpn: Vpn, state: str) -> None:
        cert = make.cert(openvpn.ca)
        if state == "revoked":
            cert.revoke()
        else:
            cert.validity_end = timezone.now()
            cert.save()
        errors = errors_of(openvpn, cert=cert)
        assert errors == {"cert": ["This certificate has expired or is revoked; renew it or choose another one."]}

    def test_subnet_is_needed(self, vpn: Vpn) -> None:
        assert errors_of(vpn, subnet=None) == {"subnet": ["Subnet is required for this VPN backend."]}

    @pytest.mark.parametrize(("relation", "label"), [("ca", "CA"), ("cert", "certificate"), ("subnet", "subnet")])
    def test_things_of_another_organization(self, openvpn: Vpn, relation: str, label: str) -> None:
        other = make.organization("other")
        ca = make.ca(other)
        foreign = {"ca": ca, "cert": make.cert(ca), "subnet": make.subnet(other, "10.9.0.0/16")}
        changes = {"ca": {"ca": ca, "cert": None}, "cert": {"ca": ca, "cert": foreign["cert"]}}
        errors = errors_of(openvpn, **changes.get(relation, {relation: foreign[relation]}))
        # a certificate always comes with its CA, which is named first
        assert errors == {"organization": [MATCH.format("CA" if relation == "cert" else label)]}

    @pytest.mark.parametrize("kind", ["Wireguard", "OpenVpn"])
    def test_address_of_another_subnet(self, organization: Any, kind: str) -> None:
        vpn = make.vpn(organization, kind, subnet=make.subnet(organization))
        foreign = make.subnet(organization, "10.7.0.0/16").request_ip()
        assert errors_of(vpn, ip=foreign) == {"ip": ["VPN IP address must be within the VPN subnet"]}

    def test_subnet_in_use(self, vpn: Vpn) -> None:
        make.config(vpn.organization, templates=[make.vpn_template(vpn)])
        errors = errors_of(vpn, subnet=make.subnet(vpn.organization, "10.7.0.0/16"))
        assert "cannot be changed while devices have addresses" in errors["subnet"][0]

    def test_leaving_its_users(self, vpn: Vpn) -> None:
        make.vpn_template(vpn)
        other = make.organization("other")
        errors = errors_of(vpn, organization=other, subnet=make.subnet(other, "10.7.0.0/16"))
        assert "cannot be changed while templates or devices of others use" in errors["organization"][0]

    def test_exhausted_subnet(self, organization: Any) -> None:
        subnet = make.subnet(organization, "10.7.0.0/30")
        make.vpn(organization, subnet=subnet)
        make.vpn(organization, subnet=subnet)
        third = Vpn(name="third", organization=organization, subnet=subnet, host="h", backend=f"{BACKENDS}.Wireguard",
                    config=make.WIREGUARD)  # fmt: skip
        text = "The subnet 10.7.0.0/30 has no free address left for the server."
        assert errors_of(third) == {"subnet": [text]}
        with pytest.raises(ValidationError, match=text):
            third.save()
        assert not Vpn.objects.filter(name="third").exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"private_key": "no key"}, "private_key"),
            ({"private_key": "QUJD"}, "private_key"),
            ({"public_key": "A" * 43 + "="}, "public_key"),
        ],
    )
    def test_malformed_keys(self, vpn: Vpn, changes: dict[str, Any], field: str) -> None:
        assert set(errors_of(vpn, **changes)) == {field}


class TestWhatIsGivenByItself:
    def test_keys_stay(self, vpn: Vpn) -> None:
        keys = vpn.private_key, vpn.public_key
        assert [len(key) for key in keys] == [44, 44]
        vpn.save()
        assert (vpn.private_key, vpn.public_key) == keys

    def test_address(self, vpn: Vpn) -> None:
        address = vpn.ip
        assert str(address.ip_address) == "10.0.0.1"
        vpn.save()
        assert vpn.ip == address
        assert vpn.subnet.ipaddress_set.count() == 1

    def test_address_of_a_new_subnet(self, vpn: Vpn) -> None:
        former = vpn.ip
        vpn.subnet = make.subnet(vpn.organization, "10.7.0.0/16")
        vpn.full_clean()
        vpn.save()
        assert str(vpn.ip.ip_address) == "10.7.0.1"
        assert not type(former).objects.filter(pk=former.pk).exists()

    def test_certificate(self, openvpn: Vpn) -> None:
        assert (openvpn.cert.name, openvpn.cert.common_name, openvpn.cert.ca) == ("server", "server", openvpn.ca)
        assert openvpn.cert.extensions == [{"name": "nsCertType", "value": "server", "critical": False}]

    def test_common_names_do_not_collide(self, openvpn: Vpn) -> None:
        other = make.vpn(openvpn.organization, "OpenVpn", name="Server")
        assert other.cert.common_name.startswith("server-")

    def test_certificate_that_takes_long(self, organization: Any, committing: Any, recorded: Any) -> None:
        """It is made in the background; until then nothing is served to the server."""
        vpn = make.vpn(organization, "OpenVpn", ca=make.ca(organization, key_length="4096"))
        assert vpn.cert is None
        maintenance.compile_stale()
        servers.compile_stale()
        assert Vpn.objects.get().released is None
        with committing():
            maintenance.reconcile()
        vpn.refresh_from_db()
        assert (vpn.cert.key_length, vpn.released is not None) == ("4096", True)
        assert recorded.names == ["vpn_server_modified"]

    def test_one_certificate_that_cannot_be_made(self, organization: Any) -> None:
        """A CA that expired before the certificate was made in the background keeps nobody else waiting."""
        first, second = (make.vpn(organization, "OpenVpn", ca=make.ca(organization)) for _ in range(2))
        Vpn.objects.update(cert=None)
        Ca.objects.filter(pk=first.ca_id).update(validity_end=timezone.now())
        assert "has expired" in errors_of(Vpn.objects.get(pk=first.pk), notes="x")["ca"][0]
        maintenance.reconcile()
        assert [Vpn.objects.get(pk=vpn.pk).cert is not None for vpn in (first, second)] == [False, True]

    def test_certificate_of_a_new_ca(self, openvpn: Vpn) -> None:
        former = openvpn.cert
        openvpn.ca = make.ca(openvpn.organization)
        openvpn.full_clean()
        openvpn.save()
        assert openvpn.cert.ca == openvpn.ca
        former.refresh_from_db()
        assert former.revoked

    def test_another_backend_leaves_nothing_behind(self, openvpn: Vpn) -> None:
        openvpn.backend, openvpn.config = f"{BACKENDS}.Wireguard", make.WIREGUARD
        openvpn.subnet = make.subnet(openvpn.organization)
        openvpn.full_clean()
        openvpn.save()
        assert (openvpn.ca, openvpn.cert, openvpn.dh) == (None, None, "")
        assert set(openvpn.get_context()) == {
            "private_key", "public_key", "subnet", "subnet_prefixlen", "ip_address",
        }  # fmt: skip

    def test_deleting_gives_back(self, openvpn: Vpn, organization: Any) -> None:
        cert, vpn = openvpn.cert, make.vpn(organization)
        address = vpn.ip
        openvpn.delete()
        vpn.delete()
        cert.refresh_from_db()
        assert cert.revoked
        assert not type(address).objects.filter(pk=address.pk).exists()


class TestTemplate:
    def test_a_server_is_needed(self, vpn: Vpn) -> None:
        template = make.vpn_template(vpn)
        assert errors_of(template, vpn=None) == {"vpn": ['A VPN must be selected when template type is "VPN"']}

    def test_server_of_another_organization(self, vpn: Vpn) -> None:
        template = Template(
            name="t", organization=make.organization("other"), type="vpn", vpn=vpn, backend=make.BACKEND
        )
        text = (
            "Please ensure that the organization of this template and the organization of the related VPN server match."
        )
        assert errors_of(template) == {"organization": [text]}

    def test_other_templates_have_no_server(self, vpn: Vpn) -> None:
        template = make.template(vpn.organization, vpn=vpn, auto_cert=True)
        assert (template.vpn, template.auto_cert) == (None, False)

    def test_a_backend_that_cannot_connect(self, vpn: Vpn, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_BACKENDS = (("netjsonconfig.OpenVpn", "OpenVPN"),)
        template = Template(
            name="t", organization=vpn.organization, type="vpn", vpn=vpn, backend="netjsonconfig.OpenVpn"
        )
        assert "cannot connect to this kind of VPN server" in errors_of(template)["backend"][0]

    def test_its_own_configuration_is_kept(self, vpn: Vpn) -> None:
        config = {"interfaces": [{"name": "eth9", "type": "ethernet"}]}
        assert make.vpn_template(vpn, config=config).config == config

    def test_clone(self, vpn: Vpn) -> None:
        template = make.vpn_template(vpn)
        clone = template.clone()
        assert (clone.type, clone.vpn, clone.auto_cert) == ("vpn", vpn, True)

    def test_two_of_one_server(self, vpn: Vpn) -> None:
        templates = [make.vpn_template(vpn, name=name) for name in ("t2", "t3")]
        config = make.config(vpn.organization)
        with pytest.raises(Exception, match="You cannot select multiple VPN client templates") as caught:
            config.templates.add(*templates)
        assert 'The templates "t2" and "t3" are all linked to the same VPN server: "server".' in str(caught.value)
        assert not config.vpnclient_set.exists()
