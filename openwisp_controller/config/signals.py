"""The public signals of the configuration app.

What each means, and when it is sent, is in ``docs/reference/signals.md``; which change leads to which signal is in
``policy/changes.py``, whose rows alone send them.
"""

from django.dispatch import Signal

checksum_requested = Signal()
"""Arguments: instance (Device or Vpn), request. A device or server asked for its checksum and is about to get it."""

config_download_requested = Signal()
"""Arguments: instance (Device or Vpn), request. A device or server asked for its archive and is about to get it."""

config_modified = Signal()
"""Arguments: instance (Config), previous_status, action, config (= instance), device."""

config_status_changed = Signal()
"""Arguments: instance (Config)."""

config_backend_changed = Signal()
"""Arguments: instance (Config), old_backend, backend."""

config_deactivating = Signal()
"""Arguments: instance (Config), previous_status, device."""

config_deactivated = Signal()
"""Arguments: instance (Config), previous_status."""

device_registered = Signal()
"""Arguments: instance (Device), is_new."""

device_name_changed = Signal()
"""Arguments: instance (Device)."""

device_group_changed = Signal()
"""Arguments: instance (Device), group_id, old_group_id."""

device_activated = Signal()
"""Arguments: instance (Device)."""

device_deactivated = Signal()
"""Arguments: instance (Device)."""

group_templates_changed = Signal()
"""Arguments: instance (DeviceGroup), templates, old_templates (lists of Template)."""

vpn_server_modified = Signal()
"""Arguments: instance (Vpn)."""

vpn_peers_changed = Signal()
"""Arguments: instance (Vpn, WireGuard or VXLAN over WireGuard)."""

management_ip_changed = Signal()
"""Arguments: instance (Device), management_ip, old_management_ip."""

whois_fetched = Signal()
"""Arguments: whois (WHOISInfo), updated_fields, device. After the commit."""

whois_lookup_skipped = Signal()
"""Arguments: device (Device). After the commit; the sender is WHOISService."""
