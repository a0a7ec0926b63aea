"""SSH host keys: the identity of devices."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...config.models import Device
from ..hostkeys import fingerprint


class HostKey(models.Model):
    """The SSH host key by which a device is known, and the one that it showed instead, if it was refused."""

    device = models.OneToOneField(
        Device, verbose_name=_("device"), related_name="host_key", primary_key=True, on_delete=models.CASCADE
    )
    key = models.TextField(_("accepted key"), blank=True)
    accepted = models.DateTimeField(_("accepted at"), null=True, blank=True)
    refused_key = models.TextField(_("refused key"), blank=True)
    refused = models.DateTimeField(_("refused at"), null=True, blank=True)

    class Meta:
        verbose_name = _("SSH host key")
        verbose_name_plural = _("SSH host keys")

    def __str__(self) -> str:
        return fingerprint(self.key)

    @property
    def fingerprint(self) -> str:
        """SHA-256 fingerprint of the accepted key; empty when none is."""
        return fingerprint(self.key)

    @property
    def refused_fingerprint(self) -> str:
        """SHA-256 fingerprint of the refused key; empty when none is."""
        return fingerprint(self.refused_key)

    def accept(self) -> None:
        """Accept the key that was refused."""
        if self.refused_key:
            self.key, self.accepted = self.refused_key, timezone.now()
            self.refused_key, self.refused = "", None
            self.save()
