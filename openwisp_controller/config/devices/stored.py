"""What stands in the rows of a device, whatever an instance in hand remembers: what decisions are made by."""

from __future__ import annotations

import uuid
from copy import copy
from typing import Any

from ..models import Config, Device
from ..unit_of_work import UnitOfWork

_config: Any = Device._meta.get_field("config")


def locked(unit: UnitOfWork, device_id: uuid.UUID) -> Device | None:
    """Lock a device, then its configuration, until the end of the transaction; return both as they are stored.

    Returns:
        the device, which knows its configuration; None when there is none.
    """
    device = locked_alone(unit, device_id)
    if device is None:
        return None
    config = Config.objects.filter(device=device_id).select_for_update(no_key=True).order_by().first()
    if config is not None:
        unit.consider_locked(Config, [config.pk])
        config.device = device
    _config.set_cached_value(device, config)
    return device


def locked_alone(unit: UnitOfWork, device_id: uuid.UUID) -> Device | None:
    """Lock a device without its configuration and return it as it is stored, None when there is none."""
    device = Device.objects.filter(pk=device_id).select_for_update(no_key=True).order_by().first()
    if device is not None:
        unit.consider_locked(Device, [device_id])
    return device


def config_in_hand(device: Device, stored: Device) -> Config | None:
    """Return the configuration that an instance in hand has, as far as it is the one that is stored.

    Args:
        device: in hand; it gets the stored one where it has none, or another.
        stored: the same device as ``locked`` returned it.
    """
    config = stored.config if stored.has_config() else None
    mine: Config | None = _config.get_cached_value(device, default=None)
    if config is not None and mine is not None and mine.pk == config.pk:
        return mine
    if config is not None:
        config = copy(config)
        config.device = device
    _config.set_cached_value(device, config)
    return config
