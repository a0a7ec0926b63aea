"""The models of the configuration app, one file per aggregate."""

from .config import Config
from .device import Device
from .device_import import DeviceImport
from .group import DeviceGroup
from .job import Job
from .list_settings import ListSettings
from .notice import Notice
from .organization import OrganizationConfigSettings, OrganizationLimits
from .revision import Cause, ControllerState, OutboxEntry, Revision, VpnRevision
from .server_call import ServerCall
from .sighting import Sighting
from .template import TaggedTemplate, Template, TemplateTag
from .vpn import StaleServer, Vpn
from .vpn_client import VpnClient
from .whois import WHOISInfo

__all__ = [
    "Cause",
    "Config",
    "ControllerState",
    "Device",
    "DeviceGroup",
    "DeviceImport",
    "Job",
    "ListSettings",
    "Notice",
    "OrganizationConfigSettings",
    "OrganizationLimits",
    "OutboxEntry",
    "Revision",
    "ServerCall",
    "Sighting",
    "StaleServer",
    "TaggedTemplate",
    "Template",
    "TemplateTag",
    "Vpn",
    "VpnClient",
    "VpnRevision",
    "WHOISInfo",
]
