"""Certification authorities, of one organization or shared by all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from django_x509.base import models as library
from openwisp_users.mixins import ShareableOrgMixin

from ...common.encryption import readable
from .interface import CaInterface
from .issued import Issued


class Ca(CaInterface, Issued, ShareableOrgMixin, library.AbstractCa):
    """A certification authority, which signs certificates."""

    class Meta(library.AbstractCa.Meta):
        abstract = False
        unique_together = (("common_name", "organization"),)

    def signing_key(self) -> Any:
        """Return the private key; parsed once, and without the slow checks that it passed when it was stored."""
        return self._signing_key

    @cached_property
    def _signing_key(self) -> Any:
        passphrase = readable(self.passphrase)
        password = passphrase.encode() if passphrase else None
        return serialization.load_pem_private_key(
            readable(self.private_key).encode(), password, unsafe_skip_rsa_key_validation=True
        )

    @property
    def crl(self) -> bytes:
        """The certificate revocation list, PEM, valid for a day: revoked and replaced certificates not yet expired."""
        now = timezone.now()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.x509.subject)
        builder = builder.last_update(now).next_update(now + timedelta(days=1))
        self.crl_last_modified = self.created
        for serial_number, revoked_at in self._off_the_list_of_valid_ones(now):
            self.crl_last_modified = max(self.crl_last_modified, revoked_at)
            entry = x509.RevokedCertificateBuilder().serial_number(int(serial_number)).revocation_date(revoked_at)
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.unspecified), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        signed = builder.sign(private_key=self.signing_key(), algorithm=hashes.SHA256())
        return signed.public_bytes(encoding=serialization.Encoding.PEM)

    def _off_the_list_of_valid_ones(self, now: datetime) -> list[tuple[str, datetime]]:
        revoked = self.get_revoked_certs().values_list("serial_number", "revoked_at", "modified")
        replaced = self.replaced_certificates.filter(validity_end__gte=now).values_list("serial_number", "replaced_at")
        return [(serial, at or modified) for serial, at, modified in revoked] + list(replaced)


class ReplacedCertificate(models.Model):
    """A certificate that was renewed before it expired: it stays on the revocation list until it would have."""

    ca = models.ForeignKey(Ca, related_name="replaced_certificates", on_delete=models.CASCADE)
    serial_number = models.CharField(max_length=48)
    validity_end = models.DateTimeField()
    replaced_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
