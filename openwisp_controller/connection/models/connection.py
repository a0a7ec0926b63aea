"""Connections: which credentials belong to which device, and whether they work."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel

from ...config.models import Device
from ...config.models.base import check_json
from ..connectors.configured import paths_with_update_strategy
from ..encryption import EncryptedJSONField, Unreadable, readable
from ..exceptions import NoWorkingDeviceConnectionError
from ..hostkeys import HostKeyPolicy
from ..settings import settings
from ..signals import is_working_changed
from .credentials import Credentials, check_params
from .interface import ConnectionInterface

logger = logging.getLogger(__name__)


def strategy_choices() -> Any:
    """Return the configured update strategies as choices; a function, so that the setting makes no migration."""
    return settings.UPDATE_STRATEGIES


class DeviceConnection(ConnectionInterface, TimeStampedEditableModel, models.Model):
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

    guarded_fields = ("is_working", "failure_reason", "last_attempt")
    """Written by workers; not part of the versions that people restore."""

    class Meta:
        verbose_name = _("Device connection")
        verbose_name_plural = _("Device connections")
        unique_together = ("device", "credentials")

    announces_robustly = False
    """A receiver of ``is_working_changed`` that raises is logged and does not stop the others."""

    _known: dict[str, Any]
    """Stored values of the fields that ``is_working_changed`` tells about."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._remember()

    def __str__(self) -> str:
        return f"{self.credentials.name}: {self.device}"

    def refresh_from_db(self, using: Any = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        self._remember(fields)

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
        if not self.device._has_config():
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
        """Return the addresses to try, in order."""
        addresses = [self.device.management_ip]
        if not settings.CONTROLLER_MANAGEMENT_IP_ONLY:
            addresses.append(self.device.last_ip)
        return list(dict.fromkeys(address for address in addresses if address))

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
        if not strategy and self.device._has_config():
            strategy = settings.CONFIG_UPDATE_MAPPING.get(self.device.config.backend, "")
        return import_string(strategy) if strategy else connector

    @cached_property
    def connector_instance(self) -> Any:
        """The connector of this connection."""
        connector = self.connector_class(params=self.get_params(), addresses=self.get_addresses())
        connector.host_keys = self._host_key_policy()
        return connector

    def set_connector(self, connector: Any) -> None:
        """Use another connector from now on."""
        self.__dict__["connector_instance"] = connector

    def _host_key_policy(self) -> HostKeyPolicy:
        host_key = getattr(self.device, "host_key", None)
        return HostKeyPolicy(settings.CONTROLLER_SSH_HOST_KEYS, host_key.key if host_key is not None else "")

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
        for row in sorted(rows, key=lambda row: (_ORDER[row.is_working], row.created)):
            result.setdefault(row.device_id, []).append(row)
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

    # change tracking

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store, and announce a change of ``is_working``; what a receiver raises undoes it."""
        update_fields = kwargs.get("update_fields")
        watched = "is_working" in self.__dict__ and (update_fields is None or "is_working" in update_fields)
        before = None if self._state.adding or not watched else self._replaced()
        if before is None or before["is_working"] == self.is_working:
            super().save(*args, **kwargs)
            self._remember(update_fields)
            return
        known = self._known
        try:
            with transaction.atomic():
                super().save(*args, **kwargs)
                self._known = dict(known)
                self._remember(update_fields)  # before the receivers, who may save this instance again
                self._announce(before)
        except BaseException:
            self._known = known
            raise

    def _replaced(self) -> dict[str, Any]:
        """Return what is known of the stored values; what was not loaded is looked up."""
        if len(self._known) < len(_STATE):
            stored = type(self)._base_manager.filter(pk=self.pk).values(*_STATE).first()
            self._known = {**(stored or dict.fromkeys(_STATE)), **self._known}
        return dict(self._known)

    def _announce(self, before: dict[str, Any]) -> None:
        if self.device.is_fully_deactivated():
            return
        send = is_working_changed.send_robust if self.announces_robustly else is_working_changed.send
        send(
            sender=type(self),
            instance=self,
            is_working=self.is_working,
            old_is_working=before["is_working"],
            failure_reason=self.failure_reason,
            old_failure_reason=before["failure_reason"] or "",
        )

    def _remember(self, only: Collection[str] | None = None) -> None:
        """Take what was loaded or stored just now as stored.

        Args:
            only: the fields that were; None = all that this instance has.
        """
        known: dict[str, Any] = self.__dict__.setdefault("_known", {})
        for name in _STATE:
            if name in self.__dict__ and (only is None or name in only):
                known[name] = self.__dict__[name]


_STATE = ("is_working", "failure_reason")
#: Known to work, never tried, known to fail.
_ORDER = {True: 0, None: 1, False: 2}
