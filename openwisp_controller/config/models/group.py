"""Groups of devices, with templates, variables and metadata in common."""

from __future__ import annotations

from typing import Any

import jsonschema
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from openwisp_users.mixins import OrgMixin
from openwisp_utils.base import TimeStampedEditableModel

from ..settings import settings
from ..unit_of_work import unit_of_work
from .base import check_json
from .observed import Observed
from .ordered import OrderedTemplatesField, chosen, forget_loaded_list
from .template import Template


class DeviceGroupQuerySet(models.QuerySet["DeviceGroup"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete groups; what follows for their devices is told when they are gone."""
        with unit_of_work():
            return super().delete()


class DeviceGroup(Observed, OrgMixin, TimeStampedEditableModel):
    """Devices of one organization that belong together."""

    name = models.CharField(_("name"), max_length=60)
    description = models.TextField(_("description"), blank=True, help_text=_("What the devices have in common."))
    templates = OrderedTemplatesField(
        Template,
        related_name="device_group_relations",
        verbose_name=_("templates"),
        blank=True,
        help_text=_("Assigned to every device that joins the group, in this order."),
    )
    meta_data = models.JSONField(
        _("Metadata"), default=dict, blank=True, help_text=_("Further facts about the group, for people and scripts.")
    )
    context = models.JSONField(
        _("Configuration Variables"),
        default=dict,
        blank=True,
        help_text=_("Variables available in the configurations of all devices of the group."),
    )

    secret_fields = ("context", "meta_data")
    observed_fields = ("context",)
    objects = DeviceGroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("Device Group")
        verbose_name_plural = _("Device Groups")
        unique_together = (("organization", "name"),)
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the group, and the templates that it was given before it was stored."""
        templates = chosen(self) if self._state.adding else []
        if not templates:
            super().save(*args, **kwargs)
            return
        with unit_of_work():
            super().save(*args, **kwargs)
            forget_loaded_list(self)
            self.templates.set(templates)

    def normalise(self) -> None:
        self._replace_empty(dict, "context", "meta_data")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the group; what follows for its devices is told when it is gone."""
        with unit_of_work():
            return super().delete(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        self.normalise()
        self._validate_org_reverse_relation("device_set")
        self._check_templates()
        check_json("context", self.context)
        check_json("meta_data", self.meta_data, is_object=False)
        try:
            jsonschema.Draft4Validator(settings.DEVICE_GROUP_SCHEMA).validate(self.meta_data)
        except jsonschema.ValidationError as error:
            raise ValidationError({"meta_data": error.message}) from None

    def _check_templates(self) -> None:
        """Templates of the former organization would stay behind when the group is moved to another one."""
        if self._state.adding or not self.differing("organization_id"):
            return
        foreign = self.templates.exclude(organization=None).exclude(organization_id=self.organization_id)
        names = list(foreign.values_list("name", flat=True))
        if names:
            text = _("Take the templates of the former organization out of the group first: {}")
            raise ValidationError({"organization": text.format(", ".join(names))})
