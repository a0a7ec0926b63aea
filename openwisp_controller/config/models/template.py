"""Templates: pieces of configuration shared by many devices."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import EllipsisType
from typing import Any, TypeVar

from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from openwisp_users.mixins import ShareableOrgMixin
from openwisp_utils.base import TimeStampedEditableModel, UUIDModel
from taggit.managers import TaggableManager
from taggit.models import GenericUUIDTaggedItemBase, TagBase

from ... import rendering
from ..settings import settings
from .base import NetJsonModel, SharedName, check_json
from .interface import TemplateInterface, remove_vpn_clients_first
from .observed import Observed

Rendered = TypeVar("Rendered")
#: Fields whose former values decide whether an edit is allowed, and what it entails.
_DECISIVE = ("backend", "organization_id", "vpn_id", "auto_cert", "config")


def default_auto_cert() -> bool:
    """Return what the setting says; a function, so that the setting makes no migration."""
    return settings.DEFAULT_AUTO_CERT


class TemplateTag(TagBase, UUIDModel):
    """A word that devices send when they enrol, to get the templates marked with it."""

    class Meta:
        verbose_name = _("Tag")
        verbose_name_plural = _("Tags")


class TaggedTemplate(GenericUUIDTaggedItemBase):
    """Which template carries which tag."""

    tag = models.ForeignKey(TemplateTag, related_name="%(app_label)s_%(class)s_items", on_delete=models.CASCADE)

    class Meta:
        verbose_name = _("Tagged item")
        verbose_name_plural = _("Tags")


class TemplateQuerySet(models.QuerySet["Template"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete templates; their VPN clients first, all at once."""
        with remove_vpn_clients_first(Q(template__in=list(self.values_list("pk", flat=True)))):
            return super().delete()

    def usable_by(self, organization_id: Any, backend: Any) -> TemplateQuerySet:
        """Return the templates that a configuration of that organization and backend may have."""
        return self.filter(Q(organization_id=organization_id) | Q(organization=None), backend=backend)

    def automatic(self) -> TemplateQuerySet:
        """Return those that new configurations get, in the order of assignment: required first, then by name."""
        return self.filter(Q(default=True) | Q(required=True)).order_by("-required", "name")


class Template(TemplateInterface, Observed, SharedName, ShareableOrgMixin, NetJsonModel, TimeStampedEditableModel):
    """A configuration that devices share. Without an organization it is shared by all of them."""

    class Type(models.TextChoices):
        GENERIC = "generic", _("Generic")
        VPN = "vpn", _("VPN-client")

    name = models.CharField(_("name"), max_length=64, db_index=True)
    type = models.CharField(
        _("type"),
        max_length=16,
        choices=Type,
        default=Type.GENERIC,
        db_index=True,
        help_text=_("A template of type VPN-client makes every device that has it a client of a VPN server."),
    )
    vpn = models.ForeignKey(
        "config.Vpn", verbose_name=_("VPN"), blank=True, null=True, on_delete=models.CASCADE,
        help_text=_("The server that devices connect to."),
    )  # fmt: skip
    auto_cert = models.BooleanField(
        _("automatic tunnel provisioning"),
        default=default_auto_cert,
        db_index=True,
        help_text=_(
            "Whether devices get certificate, keys and address of the tunnel by themselves, and lose them with the"
            " template."
        ),
    )
    default = models.BooleanField(
        _("enabled by default"),
        default=False,
        db_index=True,
        help_text=_("Whether new devices get this template."),
    )
    required = models.BooleanField(
        _("required"),
        default=False,
        db_index=True,
        help_text=_("Whether devices always have this template: it is enabled by default and cannot be unassigned."),
    )
    tags = TaggableManager(
        through=TaggedTemplate,
        blank=True,
        help_text=_("A comma-separated list of tags; devices may ask for templates by tag when they enrol."),
    )
    default_values = models.JSONField(
        _("Default Values"),
        default=dict,
        blank=True,
        help_text=_("Values of the variables used in this template, for devices that do not define them."),
    )
    notes = models.TextField(_("notes"), blank=True)

    secret_fields = ("config", "default_values")
    observed_fields = (
        "organization_id", "backend", "config", "default_values", "default", "required", "vpn_id", "auto_cert",
    )  # fmt: skip
    objects = TemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        unique_together = (("organization", "name"),)
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def normalise(self) -> None:
        self._replace_empty(dict, "config", "default_values")
        if self.__dict__.get("required"):
            self.default = True
        if self.__dict__.get("type") == self.Type.GENERIC:
            self.vpn, self.auto_cert = None, False

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the template; its VPN clients first, all at once."""
        with remove_vpn_clients_first(Q(template=self)):
            return super().delete(*args, **kwargs)

    def clean(self) -> None:
        """Check every rule of templates; raise ``ValidationError`` keyed by field."""
        super().clean()
        self.clean_config_format()
        check_json("default_values", self.default_values)
        self.normalise()
        self.check_shared_name()
        replaced = {} if self._state.adding else self.differing(*_DECISIVE)
        self._check_not_in_use(replaced)
        self._check_vpn(replaced)
        if not self.config:
            raise ValidationError(_("The configuration field cannot be empty."))
        try:
            self.stack().validate(self.config, self.get_example_context(), open_ended=True)
        except rendering.RenderingError as error:
            raise ValidationError(error.message) from None
        self.check_variables()

    def stack(self) -> rendering.Stack:
        """Return what renders this template on its own."""
        return rendering.Stack(self.backend)

    def _check_vpn(self, replaced: dict[str, Any]) -> None:
        if self.type != self.Type.VPN:
            return
        if self.vpn is None:
            raise ValidationError({"vpn": _('A VPN must be selected when template type is "VPN"')})
        self._validate_org_relation("vpn")
        if "vpn_id" in replaced:
            self._check_only_one_of_server()
        if self.required:
            self._check_only_one_required()
        former = {name: value for name, value in replaced.items() if name in ("vpn_id", "auto_cert")}
        if not self.config or (former and "config" not in replaced and self._is_automatic(**former)):
            self.config = self.vpn.auto_client(self.auto_cert, self.backend)

    def _check_only_one_of_server(self) -> None:
        users = type(self)._base_manager.filter(config_relations__templates=self.pk, vpn=self.vpn_id)
        if users.exclude(pk=self.pk).exists():
            text = _("Devices that use this template have another template of this VPN server.")
            raise ValidationError({"vpn": text})

    def _check_only_one_required(self) -> None:
        """Refuse a second required template of a server: no device could have both."""
        others = type(self).objects.filter(required=True, vpn=self.vpn_id, backend=self.backend).exclude(pk=self.pk)
        if self.organization_id is not None:
            others = others.filter(Q(organization=self.organization_id) | Q(organization=None))
        names = list(others.values_list("name", flat=True)[:5])
        if names:
            text = _("A device can have one template of a VPN server, and these are required already: {}.")
            raise ValidationError({"required": text.format(", ".join(names))})

    def _is_automatic(self, vpn_id: Any = None, auto_cert: bool | None = None) -> bool:
        """Tell whether the configuration is the automatic one for former values, unedited."""
        servers: Any = Template._meta.get_field("vpn").related_model
        former = servers.objects.filter(pk=vpn_id).first() if vpn_id is not None else self.vpn
        if former is None:
            return False
        return bool(self.config == former.auto_client(self.auto_cert if auto_cert is None else auto_cert, self.backend))

    def text(self) -> str:
        """Return the template rendered on its own, as one text for people; raise ``RenderingError``."""
        return self._rendered(self.stack().text)

    def archive(self) -> bytes:
        """Return the archive of the template rendered on its own; raise ``RenderingError``."""
        return self._rendered(self.stack().render).data

    def _rendered(self, render: Callable[..., Rendered]) -> Rendered:
        """Leave variables of devices as they are written, unless only examples make something of them."""
        try:
            return render(self.config, self.get_example_context(predefined=False), open_ended=True)
        except rendering.InvalidConfiguration:
            return render(self.config, self.get_example_context(), open_ended=True)

    def content(self) -> bytes | None:
        """Return the template rendered on its own, or None when it cannot be rendered."""
        try:
            return self.stack().render(self.config, self.get_context()).data
        except rendering.RenderingError:
            return None

    def _check_not_in_use(self, replaced: dict[str, Any]) -> None:
        if "backend" in replaced and self.config_relations.exists():
            raise ValidationError(
                {"backend": _("The backend cannot be changed while devices use this template; clone it instead.")}
            )
        if "organization_id" in replaced and self.organization_id is not None:
            if self.config_relations.exclude(device__organization_id=self.organization_id).exists():
                text = _("The organization cannot be changed while devices of other organizations use this template.")
                raise ValidationError({"organization": text})
            if self.device_group_relations.exclude(organization_id=self.organization_id).exists():
                text = _("The organization cannot be changed while groups of other organizations have this template.")
                raise ValidationError({"organization": text})

    def clone(self, user: Any = None, organization_id: uuid.UUID | EllipsisType | None = ...) -> Template:
        """Save and return a copy that is neither default nor required, named "<name> (Clone)", "(Clone 2)" and so on.

        Args:
            user: who does it, for the log of the administration; None = nobody writes it there.
            organization_id: the organization that gets the copy; None = all share it, left out = the original's.
        """
        target = self.organization_id if organization_id is ... else organization_id
        visible = Q(organization_id=target) | Q(organization=None) if target else Q()
        taken = set(Template.objects.filter(visible).values_list("name", flat=True))
        number = 1
        while (name := _clone_name(self.name, number)) in taken:
            number += 1
        clone = Template(
            organization_id=target,
            name=name,
            backend=self.backend,
            config=self.config,
            default_values=self.default_values,
            notes=self.notes,
            type=self.type,
            vpn=self.vpn,
            auto_cert=self.auto_cert,
        )
        clone.full_clean()
        clone.save()
        clone.tags.set(self.tags.all())
        if user is not None:
            LogEntry.objects.log_actions(user.pk, [clone], ADDITION, single_object=True)
        return clone


def _clone_name(name: str, number: int) -> str:
    suffix = " (Clone)" if number == 1 else f" (Clone {number})"
    return name[: 64 - len(suffix)] + suffix
