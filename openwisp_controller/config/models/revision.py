"""What a configuration compiled to, kept."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ... import rendering
from ...common.moments import MomentField, moment
from ...common.pickling import SecretsNotPickled


class Cause(models.TextChoices):
    """Why a configuration is compiled; what is announced of it stands in ``delivery/outcomes.py``."""

    CREATED = "created", _("created")
    EDITED = "config_changed", _("configuration or variables edited")
    INPUTS = "inputs_changed", _("device, group, organization or system changed")
    TEMPLATES = "m2m_templates_changed", _("templates assigned, unassigned or reordered")
    TEMPLATE = "related_template_changed", _("template edited")
    TEMPLATE_DEFAULTS = "template_defaults_changed", _("default values of a template edited")
    #: Of what was marked and compiled when lists that were cleared were not looked at with their next edit.
    CLEARED = "templates_cleared", _("templates cleared")
    DEACTIVATED = "deactivated", _("device deactivated")
    ROLLED_BACK = "rolled_back", _("rolled back")
    VPN = "vpn_changed", _("VPN server changed")
    PEERS = "peers_changed", _("peers of a VPN server changed")


class Compiled(SecretsNotPickled):
    """One compiled state of something that is downloaded as an archive. Rows are never changed."""

    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    cause = models.CharField(_("cause"), max_length=32, choices=Cause, editable=False)
    detail = models.CharField(_("detail"), max_length=255, blank=True, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        related_name="+",
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        help_text=_("Who made the change, if a person did."),
    )
    checksum = models.CharField(
        _("checksum"), max_length=32, editable=False, help_text=_("MD5 of the archive, in hex.")
    )
    archive = models.BinaryField(_("archive"), editable=False, help_text=_("The tar.gz that is downloaded."))

    secret_fields = ("archive",)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.created:%Y-%m-%d %H:%M:%S} {self.checksum}"

    def files(self) -> list[rendering.ArchiveFile]:
        """Return the files of the archive."""
        return rendering.list_files(bytes(self.archive))


class Revision(Compiled):
    """One compiled state of a device's configuration."""

    config = models.ForeignKey(
        "config.Config", verbose_name=_("configuration"), related_name="revisions", on_delete=models.CASCADE
    )

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ("-id",)


class VpnRevision(Compiled):
    """One compiled state of the configuration of a VPN server."""

    vpn = models.ForeignKey(
        "config.Vpn", verbose_name=_("VPN server"), related_name="revisions", on_delete=models.CASCADE
    )

    class Meta:
        verbose_name = _("revision of a VPN server")
        verbose_name_plural = _("revisions of VPN servers")
        default_permissions = ("view",)
        ordering = ("-id",)


class OutboxEntry(models.Model):
    """A compiled change whose signals are still to be sent; deleted once they are.

    Written with the revision in one transaction: what a worker that is killed in between leaves behind is delivered
    again by the reconciler (see ``delivery/outbox.py``).
    """

    config = models.ForeignKey("config.Config", related_name="+", on_delete=models.CASCADE)
    created = MomentField(default=moment, db_index=True)
    cause = models.CharField(max_length=32, choices=Cause)
    previous_status = models.CharField(max_length=32)
    status_changed = models.BooleanField()
    modified = models.BooleanField()

    class Meta:
        default_permissions = ()


class ControllerState(models.Model):
    """Facts that outlive a process, such as which system-wide inputs the configurations were compiled with."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.TextField()

    class Meta:
        default_permissions = ()
