"""Random histories with OpenVPN servers: certificates are made, renewed, revoked, replaced and deleted."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from hypothesis import strategies as st
from hypothesis.stateful import consumes, rule

from openwisp_controller.config.models import Config, Device, Vpn, VpnClient
from openwisp_controller.config.vpn import credentials
from openwisp_controller.pki import renewal
from openwisp_controller.pki.models import Ca, Cert

from .. import factories as make
from .machine import ControllerMachine

#: Which of several, in order; nothing happens where there are not so many.
WHICH = st.integers(0, 2)


class CertifyingMachine(ControllerMachine):
    """Adds servers with certificates, what people do with these, and devices that are deleted."""

    devices = ControllerMachine.devices
    templates = ControllerMachine.templates

    def prepare(self) -> list[Any]:
        self.cas = [make.ca(None).pk for _ in range(2)]
        certifying = [make.vpn(None, "OpenVpn", ca=Ca.objects.get(pk=self.cas[0])) for _ in range(2)]
        self.certifying = [server.pk for server in certifying]
        make.vpn_template(certifying[0], default=True)
        return [make.config(owner).device_id for owner in self.organizations]

    @rule(target=templates, org=st.sampled_from([0, 1, None]), server=st.integers(0, 1), auto_cert=st.booleans())
    def create_openvpn_template(self, org: int | None, server: int, auto_cert: bool) -> Any:
        owner = self.organizations[org] if org is not None else None
        vpn = Vpn.objects.get(pk=self.certifying[server])
        return make.template(owner, config={}, type="vpn", vpn=vpn, auto_cert=auto_cert).pk

    @rule(server=st.integers(0, 1), ca=st.integers(0, 1))
    def replace_ca(self, server: int, ca: int) -> None:
        vpn = Vpn.objects.get(pk=self.certifying[server])
        if vpn.ca_id != self.cas[ca]:
            vpn.ca, vpn.cert = Ca.objects.get(pk=self.cas[ca]), None
            vpn.full_clean()
            vpn.save()

    @rule(ca=st.integers(0, 1))
    def renew_ca(self, ca: int) -> None:
        Ca.objects.get(pk=self.cas[ca]).renew()

    @rule(which=WHICH, of_clients=st.booleans())
    def renew(self, which: int, of_clients: bool) -> None:
        for cert in self._certs(which, of_clients):
            with suppress(ValidationError), transaction.atomic():  # revoked ones cannot be renewed
                cert.renew()

    @rule(which=WHICH)
    def revoke(self, which: int) -> None:
        for cert in self._certs(which, True):
            cert.revoke()

    @rule(which=WHICH)
    def delete_certificate(self, which: int) -> None:
        for cert in self._certs(which, True):
            cert.delete()

    @rule(device=consumes(devices))
    def delete_device(self, device: Any) -> None:
        Device.objects.get(pk=device).delete(check_deactivated=False)

    def make_credentials(self) -> None:
        renewal.make_keys()
        renewal.renew_outdated()
        credentials.make_all()

    def check_settled(self) -> None:
        """Everybody has a certificate of the present CA, and devices and servers are served just these."""
        assert not Cert.outdated().exists()
        assert not credentials.exist_to_make()
        for vpn in Vpn.objects.filter(pk__in=self.certifying).select_related("ca", "cert"):
            assert vpn.ca is not None
            assert vpn.cert is not None
            self._check_signed(vpn.cert, vpn.ca)
        clients = VpnClient.objects.filter(vpn__in=self.certifying)
        for client in clients.select_related("vpn__ca", "cert", "template", "config__released", "config__device"):
            assert client.vpn.ca is not None
            assert (client.cert is not None) == client.auto_cert
            if client.cert is not None:
                if not client.cert.revoked:
                    self._check_signed(client.cert, client.vpn.ca)
                self._check_served(client)
        used = Q(vpnclient__isnull=False) | Q(vpn__isnull=False)
        assert not Cert.objects.exclude(used).filter(revoked=False).exists()

    def _check_signed(self, cert: Cert, ca: Ca) -> None:
        assert cert.ca_id == ca.pk
        cert.x509.verify_directly_issued_by(ca.x509)

    def _check_served(self, client: VpnClient) -> None:
        config = client.config
        shipped = client.template is not None and "cert_path" in json.dumps(client.template.config)
        # A template keeps the configuration that was right for it when it was created.
        if config.release_policy == Config.Release.HELD or config.compile_error or not shipped:
            return
        if config.device.is_deactivated():
            return
        assert config.released is not None
        assert client.cert is not None
        assert client.vpn.ca is not None
        served = {file.path: file.contents for file in config.released.files()}
        assert served.get(f"etc/x509/client-{client.vpn_id.hex}.pem") == client.cert.certificate
        assert client.vpn.ca.certificate in served.values()

    def _certs(self, which: int, of_clients: bool) -> Any:
        certs = Cert.objects.filter(vpnclient__isnull=False) if of_clients else Cert.objects.filter(vpn__isnull=False)
        return certs.distinct().order_by("pk")[which : which + 1]
