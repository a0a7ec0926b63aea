"""The columns of exported and imported devices that tell where they are. Packages extend this class."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export.fields import Field

from ..common.rest.permissions import may
from ..config.exchange import cells
from ..config.exchange.rows import DeviceRow
from ..config.exportable import DeviceResource
from ..config.models import Device
from . import geometry
from .models import DeviceLocation, FloorPlan, Location

_YES = ("true", "1", "yes", "on")


class LocatedRow(DeviceRow):
    """A row that may say where the device is: at a location that is there, or at one that it describes."""

    position: DeviceLocation | None = None
    _stored: tuple[Any, ...] | None = None

    def fill(self) -> None:
        super().fill()
        if not self.is_new:
            self.position = getattr(self.device, "devicelocation", None)
        self._stored = self._values()
        if self.cell("location_id") and self._has_organization():
            self._try("location_id", self._fill_location)

    def check(self) -> None:
        super().check()
        if self.position is None or self.errors or self._values() == self._stored:
            return
        location = self.position.location
        if location is not None and location._state.adding:
            self._try("coords", lambda: location.full_clean(exclude={"organization"}))
        if not self.errors:
            self._try("location_id", lambda: self._check_position(self.position))

    def store(self) -> None:
        super().store()
        if self.position is None or self._values() == self._stored:
            return
        if self.position.location is not None and self.position.location._state.adding:
            self.position.location.save()
        self.position.content_object = self.device
        self.position.save()

    def shown(self) -> dict[str, str]:
        """Return the columns of the position as it will be."""
        if self.position is None:
            return {}
        keys = {"location_id": self.position.location_id, "floorplan_id": self.position.floorplan_id}
        return {**{name: str(key or "") for name, key in keys.items()}, "floor_position": self.position.indoor or ""}

    def _values(self) -> tuple[Any, ...] | None:
        if self.position is None:
            return None
        return self.position.location_id, self.position.floorplan_id, self.position.indoor or None

    def _fill_location(self) -> None:
        location = self._location()
        position = self.position or DeviceLocation(content_object=self.device)
        if position.location_id != location.pk:
            position.location, position.floorplan, position.indoor = location, None, None
        given = self.cell("floorplan_id")
        if given:
            plan = self.lookups.one(FloorPlan, cells.key(given))
            if plan is None:
                text = _("There is no floor plan %s that you may use; empty the cell to place the device without.")
                self._note("floorplan_id", [text % given])
            else:
                position.floorplan = plan
        if self.cell("floor_position"):
            position.indoor = self.cell("floor_position")
        self.position = position

    def _location(self) -> Location:
        """Return the location that the row names; one that is not there yet is made of what the row says of it."""
        key = cells.key(str(self.cell("location_id")))
        found: Location | None = self.lookups.one(Location, key)
        if found is not None:
            return found
        name = self.cell("venue")
        if not name:
            text = _("There is no location %s that you may use; with a name in “venue” it would be added.")
            raise ValidationError(text % key)
        if Location.objects.filter(pk=key).exists():
            raise ValidationError(_("The location %s belongs to an organization that you do not manage.") % key)
        if self.lookups.user is not None and not may(self.lookups.user, "add", Location):
            raise ValidationError(_("There is no location %s, and you may not add locations.") % key)
        location = Location(
            pk=key, organization=self.device.organization, name=name, address=self.cell("address") or "",
            type=self.cell("venue_type") or "outdoor", is_mobile=(self.cell("is_mobile") or "").lower() in _YES,
        )  # fmt: skip
        if self.cell("coords"):
            try:
                location.geometry = geometry.parse(self.cell("coords"))
            except ValidationError as error:
                raise ValidationError({"coords": error.messages}) from None
        self.lookups.keep(location)
        return location

    def _check_position(self, position: DeviceLocation) -> None:
        """Check that device, location, plan and point go together, stored or not."""
        location: Any = position.location
        exclude = {"content_object", *(["location"] if location is not None and location._state.adding else [])}
        try:
            position.full_clean(exclude=exclude)
        except ValidationError as error:
            names = {"location": "location_id", "floorplan": "floorplan_id", "indoor": "floor_position"}
            messages = error.message_dict.items()
            raise ValidationError({names.get(name, name): told for name, told in messages}) from None


class GeoDeviceResource(DeviceResource):
    """A device with its configuration and location in one row."""

    venue = Field("devicelocation__location__name", "venue", readonly=True)
    address = Field("devicelocation__location__address", "address", readonly=True)
    coords = Field("devicelocation__location__geometry", "coords", readonly=True)
    is_mobile = Field("devicelocation__location__is_mobile", "is_mobile", readonly=True)
    venue_type = Field("devicelocation__location__type", "venue_type", readonly=True)
    floor = Field("devicelocation__floorplan__floor", "floor", readonly=True)
    floor_position = Field("devicelocation__indoor", "floor_position", readonly=True)
    location_id = Field("devicelocation__location_id", "location_id", readonly=True)
    floorplan_id = Field("devicelocation__floorplan_id", "floorplan_id", readonly=True)

    row: LocatedRow
    related = (*DeviceResource.related, "devicelocation__location", "devicelocation__floorplan")
    written_columns = (*DeviceResource.written_columns, "floor_position", "location_id", "floorplan_id")

    class Meta(DeviceResource.Meta):
        # a list: packages add to it
        fields: ClassVar[list[str]] = DeviceResource.Meta.fields[:]
        fields[fields.index("notes") + 1 : fields.index("last_ip")] = [
            "venue", "address", "coords", "is_mobile", "venue_type", "floor", "floor_position",
        ]  # fmt: skip
        fields += ["location_id", "floorplan_id"]
        export_order = fields

    def make_row(self, row: Any, number: int, device: Device) -> DeviceRow:
        return LocatedRow(self.lookups, row, number, device)

    def after(self, device: Device) -> dict[str, str]:
        return super().after(device) | self.row.shown()

    def dehydrate_coords(self, device: Device) -> str:
        position = getattr(device, "devicelocation", None)
        place = position.location.geometry if position is not None and position.location is not None else None
        return place.wkt if place is not None else ""


__all__ = ["GeoDeviceResource"]
