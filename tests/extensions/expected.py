"""Tests of the field's packages that fail with this controller, each with the reason: none hides a fault of ours."""

_LIBRARY = "patches the SSH library that the original uses (`scp`); ours is another one, and the upload takes place"
_OTHER_ORGANIZATION = (
    "two organizations have a device with the same management address; ours does not log in to what may be another"
    " organization's device"
)
_SSH = "openwisp_firmware_upgrader.tests.test_openwrt_upgrader.TestOpenwrtUpgrader."

#: Package → test → reason.
EXPECTED: dict[str, dict[str, str]] = {
    "firmware-upgrader": {
        f"{_SSH}test_cant_reconnect_on_write_checksum": _LIBRARY,
        f"{_SSH}test_device_ip_changed_after_reflash": _LIBRARY,
        f"{_SSH}test_image_test_failed": _LIBRARY,
        f"{_SSH}test_sysupgrade_failure": _LIBRARY,
        f"{_SSH}test_upgrade_false_positives": f"{_LIBRARY}; {_OTHER_ORGANIZATION}",
        f"{_SSH}test_upgrade_free_memory_aborted": _LIBRARY,
        f"{_SSH}test_upgrade_free_memory_success": _LIBRARY,
        f"{_SSH}test_upgrade_free_memory_success_legacy": _LIBRARY,
        f"{_SSH}test_upgrade_success": _LIBRARY,
    },
    "monitoring": {
        "openwisp_monitoring.device.tests.test_admin.TestAdmin.test_wifisession_dashboard_chart_query": (
            "counts the statements of the first page; ours asks for one warning more"
        ),
        "openwisp_monitoring.device.tests.test_api.TestDeviceApi.test_get_device_metrics_200": (
            "counts the statements of a view that loads columns one by one; ours shows one more of the device"
        ),
        "openwisp_monitoring.device.tests.test_api.TestDeviceApi.test_get_device_metrics_list_200": (
            "expects the keys of all devices in a list; ours shows a key on the page of its device alone"
        ),
        "openwisp_monitoring.device.tests.test_models.TestDeviceMonitoring.test_handle_disabled_organization": (
            "counts statements; ours reads what it replaces, since a change is announced by what is stored"
        ),
    },
    "network-topology": {},
    "radius": {},
}
