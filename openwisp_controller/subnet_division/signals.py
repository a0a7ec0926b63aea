"""The public signal of the subnet division app; what it means is in ``docs/reference/signals.md``."""

from django.dispatch import Signal

subnet_provisioned = Signal()
"""Arguments: instance (VpnClient, Config, or the object of a custom rule type), provisioned (dict or None)."""
