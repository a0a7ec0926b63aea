"""Connections: which credentials belong to which device, and whether they work."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel

from ...common.encryption import EncryptedJSONField, Unreadable, readable
from ...config.models import Device
from ...config.models.base import check_json
from ...config.models.observed import Observed
from ..connectors.configured import paths_with_update_strategy
from ..exceptions import ConnectionFailed, NoWorkingDeviceConnectionError
from ..hostkeys import HostKeyPolicy
from ..settings import settings
from .credentials import Credentials, check_params
from .interface import ConnectionInterface
from .known_elsewhere import KnownElsewhere, known_elsewhere

logger = logging.getLogger(__name__)


def strategy_choices() -> Any:
    """Return the configured update strategies as choices; a function, so that the setting makes no migration."""
    return settings.UPDATE_STRATEGIES


class DeviceConnection(ConnectionInterface, Observed, TimeStampedEditableModel):
    """A device and credentials with which the controller logs in to it."""

    device = models.ForeignKey(Device, verbose_name=_("device"), on_delete=models.CASCADE)
    credentials = models.ForeignKey(Credentials, verbose_name=_("credentials"), on_delete=models.CASCADE)
    update_strategy = models.CharField(
        _("update strategy"),
        help_text=_("leave blank to determine automatically"),
        choices=strategy_choices,
        max_length=128,
        blank=True,
        db_index=True,
    )
    enabled = models.BooleanField(_("enabled"), default=True, db_index=True)
    params: Any = EncryptedJSONField(
        _("parameters"), default=dict, blank=True, help_text=_("local parameters, which win over the credentials'")
    )
    is_working = models.BooleanField(_("is working"), null=True, blank=True, default=None)
    failure_reason = models.TextField(_("reason of failure"), blank=True)
    last_attempt = models.DateTimeField(_("last attempt"), null=True, blank=True)

    observed_fields = ("is_working", "failure_reason")
    secret_fields = ("params",)
    shared_fields = unversioned_fields = ("is_working", "failure_reason", "last_attempt")
    coupled_fields = ("is_working", "failure_reason")

    class Meta:
        verbose_name = _("Device connection")
        verbose_name_plural = _("Device connections")
        unique_together = ("device", "credentials")

    def __str__(self) -> str:
        return f"{self.credentials.name}: {self.device}"

    # validation

    def clean(self) -> None:
        super().clean()
        if not (self.credentials_id and self.device_id):
            return
        owner = self.credentials.organization_id
        if owner is not None and owner != self.device.organization_id:
            raise ValidationError(
                {"credentials": _("The organization of these credentials doesn't match the organization of the device")}
            )
        if not self.update_strategy and self.credentials.connector_class.has_update_strategy:
            self.update_strategy = self._inferred_strategy()
        if not isinstance(self.params, dict):
            raise ValidationError({"params": _("the supplied value is not a JSON object")})
        check_json("params", self.params, is_object=False)
        if not any(isinstance(each, Unreadable) for each in (self.credentials.params, self.params)):
            check_params(self.connector_class, self.get_params())

    def _inferred_strategy(self) -> str:
        if not self.device.has_config():
            raise ValidationError(
                {
                    "update_strategy": _(
                        "the update strategy can be determined automatically only if the device has a configuration"
                        " specified, because it is inferred from the configuration backend. Please select the update"
                        " strategy manually."
                    )
                }
            )
        try:
            return settings.CONFIG_UPDATE_MAPPING[self.device.config.backend]
        except KeyError as error:
            raise ValidationError(
                {
                    "update_strategy": _("could not determine update strategy  automatically, exception: {}").format(
                        error
                    )
                }
            ) from None

    # connecting

    def get_addresses(self) -> list[str]:
        """Return the addresses to try, in order; none that leads to a device of another organization."""
        addresses = [self.device.management_ip]
        if not settings.CONTROLLER_MANAGEMENT_IP_ONLY:
            addresses.append(self.device.last_ip)
        mine = dict.fromkeys(address for address in addresses if address)
        return [address for address in mine if address not in self.others.addresses]

    @cached_property
    def others(self) -> KnownElsewhere:
        """What devices of other organizations are known by."""
        return known_elsewhere([self])[self.device.organization_id]

    def get_params(self) -> dict[str, Any]:
        """Return the parameters of the credentials, overridden by those of this connection.

        Raises:
            UnreadableSecret: the key that they were encrypted with is not configured any more.
        """
        return {**readable(self.credentials.params), **readable(self.params)}

    @property
    def connector_class(self) -> Any:
        """The class of the connector: that of the update strategy where the connector has update strategies."""
        connector = self.credentials.connector_class
        if not connector.has_update_strategy:
            return connector
        strategy = self.update_strategy
        if not strategy and self.device.has_config():
            strategy = settings.CONFIG_UPDATE_MAPPING.get(self.device.config.backend, "")
        return import_string(strategy) if strategy else connector

    @cached_property
    def connector_instance(self) -> Any:
        """The connector of this connection."""
        addresses = self.get_addresses()
        if not addresses and self.others.addresses:
            raise ConnectionFailed(
                "The management address is that of a device of another organization, which is not logged in to."
            )
        connector = self.connector_class(params=self.get_params(), addresses=addresses)
        connector.host_keys = self._host_key_policy()
        return connector

    def set_connector(self, connector: Any) -> None:
        """Use another connector from now on."""
        self.__dict__["connector_instance"] = connector

    def _host_key_policy(self) -> HostKeyPolicy:
        host_key = getattr(self.device, "host_key", None)
        pinned = host_key.key if host_key is not None else ""
        return HostKeyPolicy(settings.CONTROLLER_SSH_HOST_KEYS, pinned, self.others.keys)

    def disconnect(self) -> None:
        """End the session."""
        self.connector_instance.disconnect()

    def update_config(self) -> None:
        """Connect and make the device fetch its configuration; a failure is logged."""
        if not self.connect():
            return
        try:
            self.connector_instance.update_config()
        except Exception:
            logger.exception("Could not tell %s (pk: %s) to fetch its configuration", self.device, self.device_id)
        finally:
            self.disconnect()

    @classmethod
    def candidates(cls, device_ids: Collection[Any], connector: str | None = None) -> dict[Any, list[DeviceConnection]]:
        """Return the connections over which devices can be reached, by device, those that worked last first.

        Args:
            connector: only credentials of this connector; None = of any that has an update strategy.
        """
        paths = [connector] if connector else paths_with_update_strategy()
        rows = cls.objects.filter(device__in=device_ids, enabled=True, credentials__connector__in=paths)
        rows = rows.select_related("credentials", "device__config", "device__host_key")
        result: dict[Any, list[DeviceConnection]] = {}
        for row in sorted(cls.prepare(rows), key=lambda row: (_ORDER[row.is_working], row.created)):
            result.setdefault(row.device_id, []).append(row)
        return result

    @classmethod
    def prepare(cls, connections: Iterable[DeviceConnection]) -> list[DeviceConnection]:
        """Read what connections must know before they are used on the event loop; return them."""
        result = list(connections)
        known = known_elsewhere(result)
        for connection in result:
            connection.others = known[connection.device.organization_id]
        return result

    @classmethod
    def get_working_connection(cls, device: Device, connector: str | None = None) -> DeviceConnection:
        """Connect to a device over the first connection that works and return it, connected.

        Raises:
            NoWorkingDeviceConnectionError: with the one tried last, or None.
        """
        last = None
        for last in cls.candidates([device.pk], connector).get(device.pk, []):
            if last.connect():
                return last
        raise NoWorkingDeviceConnectionError(connection=last)


#: Known to work, never tried, known to fail.
_ORDER = {True: 0, None: 1, False: 2}
