"""Administration pages of devices, templates, groups and VPN servers."""

from .base import DeactivatedDeviceReadOnlyMixin
from .device import DeviceAdmin, DevicePageExtension, extend_device_page
from .device_filters import GroupFilter
from .group import DeviceGroupAdmin
from .lazy_inlines import LazyInline, OptionalInline
from .organization import ConfigSettingsInline, LimitsInline, OrganizationAdmin
from .people import GroupAdmin, OrganizationOwnerAdmin, OrganizationUserAdmin, UserAdmin
from .revision import RevisionAdmin
from .template import TemplateAdmin
from .vpn import VpnAdmin

__all__ = [
    "ConfigSettingsInline",
    "DeactivatedDeviceReadOnlyMixin",
    "DeviceAdmin",
    "DeviceGroupAdmin",
    "DevicePageExtension",
    "GroupAdmin",
    "GroupFilter",
    "LazyInline",
    "LimitsInline",
    "OptionalInline",
    "OrganizationAdmin",
    "OrganizationOwnerAdmin",
    "OrganizationUserAdmin",
    "RevisionAdmin",
    "TemplateAdmin",
    "UserAdmin",
    "VpnAdmin",
    "extend_device_page",
]
