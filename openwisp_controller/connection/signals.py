"""The public signal of the connection app. It is sent when a connection is saved, see ``models/connection.py``."""

from django.dispatch import Signal

is_working_changed = Signal()
"""Arguments: instance (DeviceConnection), is_working (bool or None), old_is_working (bool or None), failure_reason (str), old_failure_reason (str)."""  # noqa: E501
