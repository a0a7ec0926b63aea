"""A device as the client of a VPN server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ...common.encryption import EncryptedTextField, UnreadableText
from ..unit_of_work import unit_of_work
from .config import Config
from .interface import VpnClientInterface
from .observed import Observed
from .template import Template
from .vpn import Vpn

MAX_VNI = 2**24 - 1


class VpnClient(VpnClientInterface, Observed):
    """Certificate, keys and address that a device has for one VPN server.

    Rows follow the templates of a configuration by themselves.
    """

    config = models.ForeignKey(Config, on_delete=models.CASCADE)
    template = models.ForeignKey(Template, on_delete=models.CASCADE)
    vpn = models.ForeignKey(Vpn, on_delete=models.CASCADE)
    cert = models.OneToOneField("pki.Cert", on_delete=models.CASCADE, blank=True, null=True)
    auto_cert = models.BooleanField(default=False)
    ip = models.ForeignKey("openwisp_ipam.IpAddress", on_delete=models.SET_NULL, blank=True, null=True)
    public_key = models.CharField(max_length=44, blank=True)
    private_key = EncryptedTextField(max_length=44, blank=True)
    secret = EncryptedTextField(blank=True)
    zerotier_member_id = models.CharField(
        max_length=10, blank=True, db_index=True, editable=False,
        help_text=_("Address of the device in ZeroTier networks, which its identity starts with."),
    )  # fmt: skip
    vni = models.PositiveIntegerField(
        db_index=True, blank=True, null=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_VNI)]
    )

    observed_fields = ("cert_id", "ip_id", "public_key", "private_key", "secret", "vni", "auto_cert")
    secret_fields = ("private_key", "secret")
    _auto_ip_stoppers: list[Callable[[VpnClient], Any]] = []

    class Meta:
        verbose_name = _("VPN client")
        verbose_name_plural = _("VPN clients")
        unique_together = (("config", "vpn"),)

    def __str__(self) -> str:
        return f"{self.config} → {self.vpn.name}"

    @classmethod
    def register_auto_ip_stopper(cls, func: Callable[[VpnClient], Any]) -> None:
        """Let another app keep clients from getting addresses automatically.

        Args:
            func: takes a client, saved or not, and returns something true if its address comes from elsewhere.
        """
        if func not in cls._auto_ip_stoppers:
            cls._auto_ip_stoppers.append(func)

    @property
    def gets_address(self) -> bool:
        """Whether the client is to get an address of the server's subnet."""
        if self.vpn.subnet_id is None:
            return False
        return not any(stopper(self) for stopper in self._auto_ip_stoppers)

    def normalise(self) -> None:
        """The address in ZeroTier networks follows the identity, which cannot be searched."""
        if not isinstance(self.__dict__.get("secret", UnreadableText()), UnreadableText):
            self.zerotier_member_id = self.secret[:10]

    def clean(self) -> None:
        """Check that the network identifier is not taken; raise ``ValidationError``."""
        super().clean()
        if self.vni is None or self.vpn_id is None or self.vpn.kind.vni_of(self.vpn):
            return
        if VpnClient.objects.filter(vpn=self.vpn_id, vni=self.vni).exclude(pk=self.pk).exists():
            raise ValidationError(_("VPN client with this Vpn and Vni already exists."))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the client; a new one, and one with automatic provisioning, gets what it lacks first."""
        if self.is_new():
            self.create()
            return
        with unit_of_work():
            if self.auto_cert and kwargs.get("update_fields") is None:
                self.provide()
            super().save(*args, **kwargs)
