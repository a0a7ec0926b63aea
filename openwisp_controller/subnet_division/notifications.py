"""Telling people that a subnet is exhausted."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from openwisp_ipam.models import Subnet
from openwisp_notifications.signals import notify

from ..common.notification_text import as_written
from ..config.models import Config


def exhausted(config_id: str, subnet_id: str) -> None:
    """Notify that a device could not be given the subnets that a rule says it gets."""
    config = Config.objects.select_related("device").filter(pk=config_id).first()
    subnet = Subnet.objects.filter(pk=subnet_id).first()
    if config is None or subnet is None:
        return
    notify.send(
        sender=config,
        type="generic_message",
        level="error",
        target=config.device,
        action_object=subnet,
        message=str(_("Failed to provision subnets for [{notification.target}]({notification.target_link})")),
        description=str(
            _("The [%(subnet)s]({notification.action_link}) subnet has run out of space.")
            % {"subnet": as_written(subnet)}
        ),
    )
