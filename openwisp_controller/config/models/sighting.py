"""When devices were last heard of."""

from __future__ import annotations

from django.db import models

from .device import Device


class Sighting(models.Model):
    """The moment at which a device last asked for something or reported.

    A table of its own, because the rows of devices are wide and every update writes a whole row; without an index of
    the moment, so that PostgreSQL puts the new version of a row beside the old one.
    """

    # Rows may be written at the very moment a device is deleted: whatever is left of it is deleted by and by.
    device = models.OneToOneField(
        Device, primary_key=True, related_name="sighting", on_delete=models.DO_NOTHING, db_constraint=False
    )
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
