"""Certificates, of one organization or shared by all."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_x509.base import models as library
from openwisp_users.mixins import ShareableOrgMixin

from .. import issuing, signals
from .issued import Issued, aware


class Cert(Issued, ShareableOrgMixin, library.AbstractCert):
    """A certificate signed by a CA."""

    issuer_serial = models.CharField(
        max_length=48,
        blank=True,
        editable=False,
        help_text=_("Serial number that the certificate of the CA had when it signed this one."),
    )

    class Meta(library.AbstractCert.Meta):
        abstract = False
        unique_together = (("ca", "serial_number"), ("common_name", "organization"))

    def clean(self) -> None:
        """Check every rule; raise ``ValidationError``."""
        super().clean()
        self._validate_org_relation("ca")
        if self._state.adding and self.ca_id and not self.ca.certificate:
            raise ValidationError({"ca": _("The key of this CA is still being made, please try again in a moment.")})
        if self._state.adding and not self.certificate and self.ca_id and aware(self.ca.validity_end) < timezone.now():
            raise ValidationError({"ca": _("The certificate of this CA has expired, renew the CA first.")})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the certificate, signed first if it is not."""
        if self._state.adding:
            self._generate_if_needed()
            self.issuer_serial = str(self.ca.serial_number)
        super().save(*args, **kwargs)

    @classmethod
    def outdated(cls) -> models.QuerySet[Cert]:
        """Return certificates whose CA got a new key since it signed them; revoked ones stay as they are."""
        return cls._default_manager.filter(revoked=False).exclude(issuer_serial=F("ca__serial_number"))

    def renew(self, key: issuing.PrivateKey | None = None) -> None:
        """Replace key, serial number and end of validity; the replaced certificate goes on the revocation list.

        Args:
            key: made ahead by the caller.

        Raises:
            ValidationError: the certificate is revoked.
        """
        if self.revoked:
            raise ValidationError(_("A revoked certificate cannot be renewed, create another one."))
        key = key or issuing.new_key(self.key_length)
        with transaction.atomic():
            signals.renewing.send(sender=Cert, instance=self)
            if self.issuer_serial == str(self.ca.serial_number):
                self.ca.replaced_certificates.create(serial_number=self.serial_number, validity_end=self.validity_end)
            self.issuer_serial = str(self.ca.serial_number)
            self.reissue(key, library.default_cert_validity_end())

    def revoke(self) -> None:
        """Put the certificate on the revocation list; the time of the first revocation is kept."""
        if not self.revoked:
            super().revoke()
