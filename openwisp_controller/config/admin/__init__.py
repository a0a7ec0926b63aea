"""Administration pages of devices, templates and groups."""

from .device import DeviceAdmin
from .group import DeviceGroupAdmin
from .organization import ConfigSettingsInline, LimitsInline
from .revision import RevisionAdmin
from .template import TemplateAdmin

__all__ = [
    "ConfigSettingsInline",
    "DeviceAdmin",
    "DeviceGroupAdmin",
    "LimitsInline",
    "RevisionAdmin",
    "TemplateAdmin",
]
