"""The background tasks of this app, where workers look for them."""

from .estimated_location.tasks import notify_estimated_location, whois_estimated_location_task

__all__ = ["notify_estimated_location", "whois_estimated_location_task"]
