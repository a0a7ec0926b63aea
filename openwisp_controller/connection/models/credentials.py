"""Credentials: with which the controller logs in to devices."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from jsonschema.exceptions import ValidationError as SchemaError
from openwisp_users.mixins import ShareableOrgMixin
from openwisp_utils.base import TimeStampedEditableModel

from ...common.encryption import EncryptedJSONField, Unreadable
from ...common.pickling import SecretsNotPickled
from ...config.models.base import check_json
from ...config.unit_of_work import unit_of_work
from ..settings import settings

_AVOID_CONFUSION = _("Shared objects are visible to all organizations and must have unique names to avoid confusion.")


def connector_choices() -> Any:
    """Return the configured connectors as choices; a function, so that the setting makes no migration."""
    return settings.CONNECTORS


def check_params(connector: Any, params: Any) -> None:
    """Raise ``ValidationError`` keyed by ``params`` unless they suit a connector class."""
    try:
        connector.validate(params)
    except SchemaError as error:
        raise ValidationError({"params": error.message}) from None


class Credentials(SecretsNotPickled, ShareableOrgMixin, TimeStampedEditableModel):
    """Parameters of a connector. Without an organization they are shared by all of them."""

    chunk_size = 1000
    secret_fields = ("params",)

    name = models.CharField(_("name"), max_length=64, db_index=True)
    connector = models.CharField(_("connection type"), choices=connector_choices, max_length=128, db_index=True)
    params: Any = EncryptedJSONField(
        _("parameters"), default=dict, help_text=_("Parameters of the connection; encrypted in the database.")
    )
    auto_add = models.BooleanField(
        _("auto add"),
        default=False,
        help_text=_("Add these credentials to all devices of the organization that have a configuration."),
    )

    class Meta:
        verbose_name = _("Access credentials")
        verbose_name_plural = verbose_name
        unique_together = ("name", "organization")
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} ({self.get_connector_display()})"

    @property
    def connector_class(self) -> Any:
        """The class named by ``connector``."""
        return import_string(self.connector)

    def clean(self) -> None:
        super().clean()
        if not self.connector or self.connector not in dict(settings.CONNECTORS):
            return  # the field itself says so
        if not isinstance(self.params, Unreadable):
            check_json("params", self.params, is_object=False)
            check_params(self.connector_class, self.params)
        self._check_organization()
        self._check_shared_name()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store; credentials that add themselves are added to existing devices in the background."""
        with unit_of_work() as unit:
            super().save(*args, **kwargs)
            if self.auto_add and kwargs.get("update_fields") is None:
                unit.happened(self, "offered to devices")

    def _check_organization(self) -> None:
        if self._state.adding or self.organization_id is None:
            return
        foreign = self.deviceconnection_set.exclude(device__organization_id=self.organization_id)
        if foreign.exists():
            raise ValidationError(
                {
                    "organization": _(
                        "The organization cannot be changed while devices of other organizations use these credentials."
                    )
                }
            )

    def _check_shared_name(self) -> None:
        others = Credentials.objects.filter(name=self.name).exclude(pk=self.pk)
        if not self._state.adding:
            stored = Credentials.objects.filter(pk=self.pk).values_list("name", "organization_id").first()
            if stored == (self.name, self.organization_id):
                return  # names that were given before this rule stay
        if others.filter(organization=None).exists():
            text = _("There is already another shared credentials with this name.")
        elif self.organization_id is None and others.exists():
            text = _("There is already a credentials of another organization with this name.")
        else:
            return
        raise ValidationError({"name": f"{text} {_AVOID_CONFUSION}"})
