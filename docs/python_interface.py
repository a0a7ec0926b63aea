"""The Python names that other packages may rely on; ``docs/generate.py`` makes a page of them, a test imports each."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

#: Section → what it is for, names.
INTERFACE: dict[str, tuple[str, list[str]]] = {
    "Signals": (
        "Documented in [signals](signals.md).",
        [
            "config.signals", "connection.signals.is_working_changed", "pki.signals", "subnet_division.signals",
            "config.signals.whois_fetched",
        ],
    ),
    "Project": (
        "For settings, URL configurations and ASGI applications of a project.",
        [
            "urls", "routing.get_routes", "context_processors.controller_api_settings", "migrations.get_swapped_model",
            "migrations.create_default_permissions", "config.urls", "config.utils.get_controller_urls",
            "config.api.urls.get_api_urls", "connection.api.urls.get_api_urls", "pki.api.urls.get_api_urls",
            "geo.utils.get_geo_urls", "connection.websockets.routing.get_routes", "geo.websockets.routing.get_routes",
            "config.converters.UUIDAnyConverter",
        ],
    ),
    "Settings": (
        "Every [setting](settings.md) is an attribute of its module, without the prefix (`MANAGEMENT_IP_ONLY`), its"
        " default with `DEFAULT_` before it. It may be read, patched in tests and set; what is set there goes first.",
        ["config.settings", "connection.settings", "geo.settings", "subnet_division.settings"],
    ),
    "Models": (
        "Concrete; `swapper.load_model` finds them by app and name. Methods that are not listed here may change.",
        [
            "config.models.Config", "config.models.Config.get_context", "config.models.Config.get_system_context",
            "config.models.Config.get_backend_instance", "config.models.Config.json", "config.models.Config.generate",
            "config.models.Config.get_template_model", "config.models.Config.get_default_templates",
            "config.models.Config.set_status_modified", "config.models.Device", "config.models.Device.deactivate",
            "config.models.Device.activate", "config.models.Device.can_be_updated",
            "config.models.Device.generate_key", "config.models.Device.get_config_model", "config.models.DeviceGroup",
            "config.models.OrganizationConfigSettings", "config.models.Template", "config.models.Template.clone",
            "config.models.Vpn", "config.models.Vpn.auto_client", "config.models.Vpn.generate",
            "config.models.VpnClient", "connection.models.Command", "connection.models.Credentials",
            "connection.models.DeviceConnection", "connection.models.DeviceConnection.connect",
            "connection.models.DeviceConnection.get_working_connection", "geo.models.DeviceLocation",
            "geo.models.FloorPlan", "geo.models.Location", "pki.models.Ca", "pki.models.Cert",
            "subnet_division.models.SubnetDivisionRule",
        ],
    ),
    "Compiling": (
        "Variables of devices from packages, and telling that they changed.",
        [
            "config.compiling.context.providers", "config.compiling.compilation.mark_stale", "config.models.Cause",
        ],
    ),
    "Administration": (
        "Classes to extend. Lists such as `inlines`, `conditional_inlines` and `list_filter` may be appended to.",
        [
            "config.admin.DeviceAdmin", "config.admin.DeviceAdmin.add_reversion_following",
            "config.admin.DeviceAdmin.get_extra_context", "config.admin.DeactivatedDeviceReadOnlyMixin",
            "config.widgets.JsonSchemaWidget", "connection.widgets.CredentialsSchemaWidget",
            "connection.widgets.CommandSchemaWidget", "geo.admin.DeviceLocationInline",
            "geo.exportable.GeoDeviceResource",
        ],
    ),
    "REST": (
        "Views and serializers to extend.",
        [
            "config.api.views.DeviceListCreateView", "config.api.views.DeviceDetailView",
            "config.api.serializers.DeviceListSerializer", "config.api.serializers.DeviceDetailSerializer",
            "geo.api.views.DevicePermission", "geo.api.views.GeoJsonLocationList",
            "geo.api.views.LocationDeviceList", "geo.api.views.IndoorCoordinatesList",
            "geo.api.views.ProtectedAPIMixin", "geo.api.serializers.GeoJsonLocationSerializer",
            "geo.api.serializers.IndoorCoordinatesSerializer", "geo.api.serializers.LocationDeviceSerializer",
        ],
    ),
    "Reaching devices": (
        "Connectors, commands and tasks.",
        [
            "connection.connectors.ssh.Ssh", "connection.connectors.openwrt.ssh.OpenWrt",
            "connection.connectors.exceptions.CommandFailedException",
            "connection.connectors.exceptions.CommandTimeoutException",
            "connection.exceptions.NoWorkingDeviceConnectionError", "connection.commands.register_command",
            "connection.commands.unregister_command", "connection.commands.get_command_schema",
            "connection.commands.get_command_callable", "connection.commands.get_command_choices",
            "connection.commands.EnabledCommands", "connection.tasks.update_config",
        ],
    ),
    "Values": ("Rules for single values.", ["config.validators"]),
    "Helpers for tests": (
        "Install the package with its extra `[test]`.",
        [
            "config.tests.utils.CreateConfigTemplateMixin", "config.tests.utils.CreateDeviceGroupMixin",
            "config.tests.utils.TestVpnX509Mixin", "config.tests.utils.TestWireguardVpnMixin",
            "config.tests.utils.TestZeroTierVpnMixin", "config.tests.test_admin.TestAdmin",
            "config.tests.test_admin.TestImportExportMixin", "connection.tests.utils.CreateConnectionsMixin",
            "connection.tests.utils.SshServer", "geo.tests.utils.TestGeoMixin",
        ],
    ),
}  # fmt: skip


def found(name: str) -> Any:
    """Return what stands at a name below ``openwisp_controller``; raise ``LookupError`` for names that lead nowhere."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ".".join(["openwisp_controller", *parts[:length]])
        try:
            value: Any = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not path.startswith(error.name):
                raise
            continue
        for attribute in parts[length:]:
            value = getattr(value, attribute)
        return value
    raise LookupError(f"openwisp_controller.{name} leads nowhere")


def page() -> str:
    """Return the page of the interface, as markdown."""
    lines = [
        "# Python interface",
        "",
        "Names below `openwisp_controller` that other packages may rely on; they stay. Everything else is internal.",
        "How a package is written that uses them: [Write an extension](../how-to/write-an-extension.md).",
    ]
    for title, (purpose, names) in INTERFACE.items():
        lines += ["", f"## {title}", "", purpose, "", "| Name | |", "|---|---|"]
        for name in names:
            text = (inspect.getdoc(found(name)) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
            lines.append(f"| `{name}` | {text} |")
    return "\n".join(lines) + "\n"
