"""VPN servers, to which devices are connected by templates of type VPN."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _
from openwisp_users.mixins import ShareableOrgMixin
from openwisp_utils.base import TimeStampedEditableModel

from ...common.encryption import EncryptedTextField
from ..settings import settings
from ..unit_of_work import unit_of_work
from ..vpn import keys
from ..vpn.kinds import Kind
from .base import NetJsonModel, SharedName
from .interface import VpnInterface, remove_vpn_clients_first
from .observed import Observed
from .revision import VpnRevision


def backend_choices() -> Any:
    """Return the configured backends as choices; a function, so that the setting makes no migration."""
    return settings.VPN_BACKENDS


def new_key() -> str:
    return get_random_string(32)


class VpnQuerySet(models.QuerySet["Vpn"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete servers; their clients first, all at once."""
        with remove_vpn_clients_first(models.Q(vpn__in=list(self.values_list("pk", flat=True)))):
            return super().delete()


class StaleServer(models.Model):
    """A mark: the server is to be compiled.

    Marks are only added, never changed, and refer to the server without holding it: whoever edits a device need not
    wait for whoever edits the server.
    """

    vpn_id = models.UUIDField(db_index=True)

    class Meta:
        default_permissions = ()


class Vpn(VpnInterface, Observed, SharedName, ShareableOrgMixin, NetJsonModel, TimeStampedEditableModel):
    """A VPN server: the configuration it downloads, and what its clients need to know. Without organization: shared."""

    name = models.CharField(_("name"), max_length=64, db_index=True)
    host = models.CharField(
        _("host"), max_length=64, help_text=_("VPN server hostname or IP address, as devices reach it.")
    )
    ca = models.ForeignKey(
        "pki.Ca", verbose_name=_("Certification Authority"), blank=True, null=True, on_delete=models.CASCADE
    )
    cert = models.ForeignKey(
        "pki.Cert",
        verbose_name=_("x509 Certificate"),
        help_text=_("Leave blank to create it automatically."),
        blank=True,
        null=True,
        on_delete=models.CASCADE,
    )
    key = models.CharField(
        _("key"),
        max_length=64,
        db_index=True,
        default=new_key,
        validators=[
            RegexValidator(r"^[^\s/\.]+\Z", _("This value must not contain spaces, dots or slashes."), code="invalid")
        ],
        help_text=_("Secret with which the server downloads its configuration."),
    )
    backend = models.CharField(
        _("VPN backend"), choices=backend_choices, max_length=128, help_text=_("Select VPN configuration backend.")
    )
    config = models.JSONField(
        _("configuration"), default=dict, help_text=_("Configuration of the server in NetJSON format.")
    )
    notes = models.TextField(_("notes"), blank=True)
    subnet = models.ForeignKey(
        "openwisp_ipam.Subnet",
        verbose_name=_("Subnet"),
        help_text=_("Subnet of the tunnel: server and devices get addresses of it."),
        blank=True,
        null=True,
        on_delete=models.SET_NULL,
    )
    ip = models.ForeignKey(
        "openwisp_ipam.IpAddress",
        verbose_name=_("Internal IP"),
        help_text=_("Address of the server in the tunnel; leave blank to get the first free one."),
        blank=True,
        null=True,
        on_delete=models.SET_NULL,
    )
    webhook_endpoint = models.URLField(
        _("Webhook Endpoint"),
        help_text=_("Called after each change, so that the server updates itself (eg: https://vpn.example.org:8081)."),
        max_length=200,
        blank=True,
        null=True,
    )
    auth_token = EncryptedTextField(
        _("Webhook AuthToken"),
        help_text=_("Token for calling the webhook or the API of the VPN controller."),
        max_length=128,
        blank=True,
        null=True,
    )
    dh = models.TextField(_("Diffie-Hellman parameters"), blank=True)
    public_key = models.CharField(_("public key"), max_length=44, blank=True)
    private_key = EncryptedTextField(_("private key"), max_length=44, blank=True)
    node_id = models.CharField(_("node ID"), max_length=10, blank=True)
    network_id = models.CharField(_("network ID"), max_length=16, blank=True)
    released = models.ForeignKey(
        VpnRevision, related_name="+", null=True, blank=True, editable=False, on_delete=models.SET_NULL,
        help_text=_("What the server may fetch."),
    )  # fmt: skip
    compile_error = models.TextField(_("compile error"), blank=True, editable=False)
    failing = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text=_("What could not be told to the server, and is tried again."),
    )

    observed_fields = (
        "config", "host", "ca_id", "cert_id", "key", "backend", "subnet_id", "ip_id", "dh", "public_key",
        "private_key", "network_id", "name", "webhook_endpoint", "auth_token",
    )  # fmt: skip
    system_fields = ("released", "compile_error", "failing")
    secret_fields = ("key", "auth_token", "private_key", "config")
    objects = VpnQuerySet.as_manager()

    class Meta:
        verbose_name = _("VPN server")
        verbose_name_plural = _("VPN servers")
        unique_together = (("organization", "name"),)
        ordering = ("name",)

    def __str__(self) -> str:
        return f"[{self.get_backend_display()}] {self.name}"

    @property
    def kind(self) -> Kind:
        """What kind of server it is, told by the path of its backend."""
        return Kind.of(self.backend)

    @property
    def is_stale(self) -> bool:
        """Whether a change is still to be compiled."""
        return StaleServer.objects.filter(vpn_id=self.pk).exists()

    @property
    def checksum(self) -> str | None:
        """MD5 (hex) of the archive that the server may fetch; None before the first compile."""
        return self.released.checksum if self.released else None

    def get_cached_checksum(self) -> str | None:
        """Same as ``checksum``: reading it needs no cache."""
        return self.checksum

    def normalise(self) -> None:
        self._replace_empty(dict, "config")
        self._replace_empty("", "dh", "public_key", "private_key", "node_id", "network_id")
        if "backend" in self.__dict__:
            self._forget_other_kinds()

    def _forget_other_kinds(self) -> None:
        """Clear what belongs to another kind of server than the backend says: it must not leak into variables."""
        kind = self.kind
        if not kind.openvpn:
            self.ca = self.cert = None
            self.dh = ""
        if not kind.wireguard:
            self.public_key = self.private_key = ""
        if not kind.zerotier:
            self.node_id = self.network_id = ""

    def clean_fields(self, exclude: Any = None) -> None:
        """Check the fields that people edit."""
        super().clean_fields(exclude={*(exclude or ()), "released"})

    def clean(self) -> None:
        """Check every rule of VPN servers, the first that fails wins; raise ``ValidationError`` keyed by field."""
        super().clean()
        self.check_shared_name()
        self.clean_config_format()
        self.normalise()
        self.check_rules()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the server with what it needs: certificate, keys, address, network.

        Raises:
            ValidationError: an address or a network cannot be had.
        """
        self.is_new()
        if kwargs.get("update_fields") is not None:
            super().save(*args, **kwargs)
            return
        with unit_of_work(), self.provided():
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the server; its clients first, all at once."""
        with remove_vpn_clients_first(models.Q(vpn=self)):
            return super().delete(*args, **kwargs)

    @classmethod
    def dhparam(cls, length: int) -> str:
        """Return Diffie-Hellman parameters (PEM) of ``length`` bits for OpenVPN: the group of RFC 7919."""
        return keys.standard_dh(length)
