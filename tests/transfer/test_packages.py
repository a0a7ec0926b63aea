"""What packages that add columns to files of devices rely on."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import reversion
from django.contrib import admin
from django.test import Client
from django.urls import path
from import_export.admin import ImportExportMixin
from import_export.fields import Field
from openwisp_users.models import Organization

from openwisp_controller.config.admin import DeviceAdmin, DevicePageExtension, extend_device_page
from openwisp_controller.config.exportable import DeviceResource
from openwisp_controller.config.models import Device, DeviceImport
from openwisp_controller.geo.exportable import GeoDeviceResource
from openwisp_controller.server import urls

from .. import factories as make
from .helpers import EXPORT, IMPORT, checked, exported, imported, rows_of, send, table

pytestmark = pytest.mark.django_db


class PackageResource(GeoDeviceResource):
    """A column that is exported, one that is imported, too, and the hooks of the library."""

    upper_name = Field(column_name="upper_name", readonly=True)
    remark = Field(attribute="notes", column_name="remark")
    called: list[str]

    class Meta(GeoDeviceResource.Meta):
        fields = GeoDeviceResource.Meta.fields[:]
        fields.insert(fields.index("config_status"), "upper_name")
        fields.append("remark")
        export_order = fields

    def dehydrate_upper_name(self, device: Device) -> str:
        return device.name.upper()

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        super().before_import_row(row, **kwargs)
        row["name"] = row["name"].removeprefix("prefix-")

    def after_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        super().after_save_instance(instance, row, **kwargs)
        if not kwargs["dry_run"]:
            Device.objects.filter(pk=instance.pk).update(model="seen by the package")


class PackageAdmin(ImportExportMixin, DeviceAdmin):
    """A page of a package, with the pages of the library in front of ours."""

    resource_class = PackageResource


@pytest.fixture
def page() -> Iterator[None]:
    extensions, resource = DeviceAdmin.extensions, DeviceAdmin.resource_class
    yield
    DeviceAdmin.extensions, DeviceAdmin.resource_class = extensions, resource
    admin.site.unregister(Device)
    reversion.unregister(Device)
    admin.site.register(Device, DeviceAdmin)


def test_columns_are_lists() -> None:
    for resource in (DeviceResource, GeoDeviceResource):
        assert isinstance(resource.Meta.fields, list)
        assert resource.Meta.export_order is resource.Meta.fields
    assert DeviceAdmin.resource_class is GeoDeviceResource


def test_resource_of_a_package(page: None, root: Client, organization: Organization) -> None:
    extend_device_page(DevicePageExtension(resource=PackageResource))
    content = table(
        {"organization": "acme", "name": "prefix-router", "mac_address": "02:00:00:00:00:01", "remark": "x"}
    )
    row = checked(root, content)
    assert not Device.objects.exists()
    assert row.report["ignored"] == []
    imported(root, content)
    device = Device.objects.get()
    assert (device.name, device.notes, device.model) == ("router", "x", "seen by the package")
    (found,) = rows_of(exported(root))
    assert (found["upper_name"], found["remark"]) == ("ROUTER", "x")
    assert list(found).index("upper_name") == list(found).index("config_status") - 1
    with_remark = table({"id": str(device.pk), "name": "router", "remark": "changed"})
    assert imported(root, with_remark).report["changed"] == 1
    assert Device.objects.get().notes == "changed"


def test_pages_of_the_library_do_not_replace_ours(
    page: None, root: Client, organization: Organization, settings: Any
) -> None:
    """They ask neither for permissions nor for organizations."""
    admin.site.unregister(Device)
    admin.site.register(Device, PackageAdmin)
    addresses = ModuleType("addresses")  # those of the administration are worked out when the module is imported
    addresses.urlpatterns = [path("admin/", admin.site.urls), *urls.urlpatterns]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = addresses
    make.device(organization, "router")
    assert root.get("/admin/config/device/").status_code == 200
    assert rows_of(exported(root))[0]["upper_name"] == "ROUTER"
    content = table({"organization": "acme", "name": "other", "mac_address": "02:00:00:00:00:01"})
    viewer = make.person("viewer", organization)
    make.permit(viewer, "view_device")
    assert send(viewer, content).status_code == 403
    assert viewer.get(EXPORT).status_code == 200
    assert root.get(IMPORT).status_code == 200
    imported(root, content)
    assert DeviceImport.objects.count() == 1


def test_the_interface_of_the_library(organization: Organization) -> None:
    """Programs may use the resource by itself: dry runs leave nothing, and nothing is refused."""
    device = make.config(organization).device
    key = device.pk
    dataset = GeoDeviceResource().export()
    device.delete(check_deactivated=False)
    result = GeoDeviceResource().import_data(dataset, dry_run=True)
    assert (result.has_errors(), result.has_validation_errors(), Device.objects.count()) == (False, False, 0)
    result = GeoDeviceResource().import_data(dataset, raise_errors=True)
    assert result.totals["new"] == 1
    assert Device.objects.get().pk == key
    assert Device.objects.get().config.checksum
