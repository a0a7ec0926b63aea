"""What packages take from the tests of the administration: data of its forms, columns of its exports."""

from __future__ import annotations

from typing import Any, ClassVar

from .utils import OPENWRT, CreateConfigTemplateMixin


class TestAdmin:
    """The posted data of a device's page."""

    _device_params: ClassVar[dict[str, Any]] = {
        "name": "test-device", "hardware_id": "1234", "organization": "",
        "mac_address": CreateConfigTemplateMixin.TEST_MAC_ADDRESS, "key": CreateConfigTemplateMixin.TEST_KEY,
        "group": "", "management_ip": "", "model": "", "os": "", "system": "", "notes": "",
        "config-0-id": "", "config-0-device": "", "config-0-backend": OPENWRT, "config-0-templates": "",
        "config-0-config": "{}", "config-0-context": "{}",
        "config-TOTAL_FORMS": 1, "config-INITIAL_FORMS": 0, "config-MIN_NUM_FORMS": 0, "config-MAX_NUM_FORMS": 1,
        "deviceconnection_set-TOTAL_FORMS": 0, "deviceconnection_set-INITIAL_FORMS": 0,
        "deviceconnection_set-MIN_NUM_FORMS": 0, "deviceconnection_set-MAX_NUM_FORMS": 1000,
        "command_set-TOTAL_FORMS": 0, "command_set-INITIAL_FORMS": 0, "command_set-MIN_NUM_FORMS": 0,
        "command_set-MAX_NUM_FORMS": 1000,
        "devicelocation-TOTAL_FORMS": 0, "devicelocation-INITIAL_FORMS": 0, "devicelocation-MIN_NUM_FORMS": 0,
        "devicelocation-MAX_NUM_FORMS": 1,
    }  # fmt: skip


class TestImportExportMixin:
    """The columns of exported devices, in their order."""

    resource_fields: ClassVar[list[str]] = [
        "name", "mac_address", "organization", "group", "model", "os", "system", "notes", "venue", "address", "coords",
        "is_mobile", "venue_type", "floor", "floor_position", "last_ip", "management_ip", "config_status",
        "config_backend", "config_data", "config_context", "config_templates", "created", "modified", "id", "key",
        "organization_id", "group_id", "location_id", "floorplan_id",
    ]  # fmt: skip
