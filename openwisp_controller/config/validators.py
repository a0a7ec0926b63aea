"""Rules for single values of devices, at the path under which packages import them."""

from ..common.validators import device_name_validator, key_validator, mac_address_validator

__all__ = ["device_name_validator", "key_validator", "mac_address_validator"]
