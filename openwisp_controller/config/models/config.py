"""The configuration of one device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.fields.related_descriptors import ReverseOneToOneDescriptor
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel

from ...common.authorship import author_id
from ...common.prepared import Parameter, Prepared
from ...common.sql import one_of_rows
from ..unit_of_work import unit_of_work
from .base import NetJsonModel, check_json
from .device import Device
from .interface import ConfigInterface
from .observed import Observed
from .ordered import OrderedTemplatesField, chosen
from .revision import Cause, Revision
from .template import Template

ERROR_REASON_LIMIT = 1024
_TRUNCATED = "\n[truncated]"
#: Causes that are not announced as modifications.
_SILENT = (Cause.CREATED, Cause.CLEARED)


def storable(text: str) -> str:
    """Return ``text`` without what databases refuse: NUL characters and halves of surrogate pairs."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def shorten_reason(text: str) -> str:
    """Return an error reason that fits the column, marked where it was cut."""
    text = storable(text)
    if len(text) <= ERROR_REASON_LIMIT:
        return text
    return text[: ERROR_REASON_LIMIT - len(_TRUNCATED)] + _TRUNCATED


class _ConfigOfDevice(ReverseOneToOneDescriptor):
    """``device.config``; one that is set there and not stored yet is stored with the device."""

    def __set__(self, instance: Any, value: Any) -> None:
        super().__set__(instance, value)
        instance.config_to_store = value


class DeviceField(models.OneToOneField):
    """The device of a configuration."""

    related_accessor_class = _ConfigOfDevice

    def deconstruct(self) -> Any:
        """To migrations it is an ordinary field."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.OneToOneField", args, kwargs


class Config(ConfigInterface, Observed, NetJsonModel, TimeStampedEditableModel):
    """Configuration, variables and templates of a device, and pointers to what these compiled to."""

    class Status(models.TextChoices):
        MODIFIED = "modified", _("modified")
        APPLIED = "applied", _("applied")
        ERROR = "error", _("error")
        DEACTIVATING = "deactivating", _("deactivating")
        DEACTIVATED = "deactivated", _("deactivated")

    class Release(models.TextChoices):
        AUTOMATIC = "automatic", _("as soon as it compiles")
        HELD = "held", _("held at the released revision")

    device = DeviceField(Device, verbose_name=_("device"), on_delete=models.CASCADE)
    context = models.JSONField(
        _("Configuration Variables"),
        default=dict,
        blank=True,
        help_text=_("Variables of this device; they win over those of the group, organization and system."),
    )
    templates = OrderedTemplatesField(
        Template,
        related_name="config_relations",
        locks_owner=True,
        verbose_name=_("templates"),
        blank=True,
        help_text=_("Applied from first to last, then the configuration of the device itself."),
    )
    vpn = models.ManyToManyField(
        "config.Vpn", through="config.VpnClient", related_name="vpn_relations", blank=True, editable=False
    )
    status = models.CharField(
        _("configuration status"),
        max_length=100,
        choices=Status,
        default=Status.MODIFIED,
        help_text=_(
            '"modified" means the configuration is not applied yet; "applied" that the device runs it; "error" that'
            ' it could not be compiled or applied; "deactivating" that the device is being wiped; "deactivated" that'
            " it was."
        ),
    )
    error_reason = models.CharField(_("error reason"), max_length=ERROR_REASON_LIMIT, blank=True)
    compile_error = models.TextField(
        _("compile error"), blank=True, editable=False, help_text=_("Why the configuration does not compile, if so.")
    )
    undefined_variables = models.JSONField(
        _("undefined variables"), default=list, blank=True, editable=False,
        help_text=_("Names that the configuration uses and nobody defines."),
    )  # fmt: skip
    release_policy = models.CharField(_("release"), max_length=16, choices=Release, default=Release.AUTOMATIC)
    compiled = models.ForeignKey(
        Revision, related_name="+", null=True, blank=True, editable=False, on_delete=models.SET_NULL,
        help_text=_("What the configuration, templates and variables give now."),
    )  # fmt: skip
    released = models.ForeignKey(
        Revision, related_name="+", null=True, blank=True, editable=False, on_delete=models.SET_NULL,
        help_text=_("What the device may fetch."),
    )  # fmt: skip
    downloaded = models.ForeignKey(
        Revision, related_name="+", null=True, blank=True, editable=False, on_delete=models.SET_NULL,
        help_text=_("What the device last fetched."),
    )  # fmt: skip
    applied = models.ForeignKey(
        Revision, related_name="+", null=True, blank=True, editable=False, on_delete=models.SET_NULL,
        help_text=_("What the device last proved to run."),
    )  # fmt: skip
    stale_since = models.DateTimeField(null=True, blank=True, editable=False)
    stale_cause = models.CharField(max_length=32, blank=True, choices=Cause, editable=False)
    stale_detail = models.CharField(max_length=255, blank=True, editable=False)
    stale_author = models.ForeignKey(
        settings.AUTH_USER_MODEL, related_name="+", null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )

    observed_fields = ("backend", "config", "context", "release_policy", "status")
    shared_fields = ("status", "error_reason", "release_policy")
    coupled_fields = ("status", "error_reason")
    secret_fields = ("config", "context")
    system_fields = (
        "compile_error", "undefined_variables", "compiled", "released", "downloaded", "applied", "stale_since",
        "stale_cause", "stale_detail", "stale_author",
    )  # fmt: skip

    class Meta:
        verbose_name = _("configuration")
        verbose_name_plural = _("configurations")
        indexes = [
            models.Index(fields=["stale_since"], name="config_stale", condition=models.Q(stale_since__isnull=False)),
            # lists of those that need somebody; nearly all the others are applied, and cost nothing here
            models.Index(fields=["status"], name="config_not_applied", condition=~models.Q(status="applied")),
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.created_here = False
        """Whether the last save of this instance created the row: it does not announce templates that it is given then.

        That outlives the unit of work of the creation: templates are given to what was saved before.
        """

    def __str__(self) -> str:
        if self.has_device():
            return self.name
        return str(self.pk)

    @property
    def name(self) -> str:
        return self.device.name

    @property
    def mac_address(self) -> str:
        return self.device.mac_address

    @property
    def key(self) -> str:
        return self.device.key

    @property
    def checksum(self) -> str | None:
        """MD5 (hex) of the archive that the device may fetch; None before the first compile."""
        return self.released.checksum if self.released else None

    @property
    def checksum_db(self) -> str | None:
        """Same as ``checksum``: it is always stored."""
        return self.checksum

    def get_cached_checksum(self) -> str | None:
        """Same as ``checksum``: reading it needs no cache."""
        return self.checksum

    def has_device(self) -> bool:
        return self.device_id is not None

    def normalise(self) -> None:
        self._replace_empty(dict, "config", "context")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save what people edit. What the compiler and devices' reports own is not overwritten by old values."""
        self.created_here = self.is_new()
        super().save(*args, **kwargs)

    def clean_fields(self, exclude: Any = None) -> None:
        """Shorten the error reason, then check the fields that people edit."""
        self.error_reason = shorten_reason(self.error_reason or "")
        super().clean_fields(
            exclude={*self._settled(exclude), "compiled", "released", "downloaded", "applied", "stale_author"}
        )

    def validate_unique(self, exclude: Any = None) -> None:
        super().validate_unique(exclude=self._settled(exclude))

    def _settled(self, exclude: Any) -> set[str]:
        """Return ``exclude`` and the device, unless it is new: the database vouches for the one that is stored."""
        is_stored = not self._state.adding and self._stored.get("device_id") == self.device_id
        return {*(exclude or ()), *(("device",) if is_stored else ())}

    def _of_shared(self, only: Iterable[str] | None) -> dict[str, Any]:
        known = super()._of_shared(only)
        if "device_id" in self.__dict__ and (only is None or "device" in only):
            known["device_id"] = self.device_id
        return known

    def clean(self) -> None:
        """Check types and backend; raise ``ValidationError``."""
        super().clean()
        self.clean_config_format()
        check_json("context", self.context)
        self.normalise()

    def validate_constraints(self, exclude: Any = None) -> None:
        """Check that the configuration renders with its templates; raise ``ValidationError``.

        Where a field is wrong by itself, that is told alone.

        Args:
            exclude: names of fields; with ``templates`` among them nothing is rendered.
        """
        super().validate_constraints(exclude=exclude)
        if self.has_device() and not {"backend", "config", "context", "templates"} & set(exclude or ()):
            templates = self.ordered_templates()
            problem = self.problem_with(templates)
            if problem:
                raise ValidationError(problem)
            self.check_variables(templates)

    def ordered_templates(self) -> list[Template]:
        """Return the assigned templates from first to last."""
        if not self.pk or self._state.adding:
            return chosen(self)
        if "templates" in getattr(self, "_prefetched_objects_cache", ()):
            return list(self.templates.all())
        return _templates_in_order(config=self.pk)

    def load_templates(self) -> None:
        """Load the assigned templates ahead, in order, as ``prefetch_related`` does but without planning a query."""
        loaded: Any = Template.objects.all()
        loaded._result_cache, loaded._prefetch_done = _templates_in_order(config=self.pk), True
        self.__dict__.setdefault("_prefetched_objects_cache", {})["templates"] = loaded

    def can_be_updated(self) -> bool:
        """Tell whether the device has something to fetch."""
        return self.status != self.Status.APPLIED

    def is_deactivating_or_deactivated(self) -> bool:
        return self.status in (self.Status.DEACTIVATING, self.Status.DEACTIVATED)

    def set_status_applied(self, save: bool = True) -> None:
        """Set the status to "applied" and forget the error reason."""
        self.error_reason = ""
        self._set_status(self.Status.APPLIED, save)

    def set_status_error(self, save: bool = True, reason: str | None = None) -> None:
        """Set the status to "error", with ``reason`` when given."""
        if reason is not None:
            self.error_reason = shorten_reason(reason)
        self._set_status(self.Status.ERROR, save)

    def set_status_modified(self, save: bool = True, send_config_modified_signal: bool = True) -> None:
        """Set the status to "modified" and announce the configuration as modified, unless told not to."""
        self.error_reason = ""
        with unit_of_work():
            self._set_status(self.Status.MODIFIED, save)
            if send_config_modified_signal:
                self.announce_modified()

    def set_status_deactivating(self, save: bool = True) -> None:
        self._set_status(self.Status.DEACTIVATING, save)

    def set_status_deactivated(self, save: bool = True) -> None:
        self._set_status(self.Status.DEACTIVATED, save)

    def _set_status(self, status: Config.Status, save: bool) -> None:
        self.status = status
        if save:
            self.save(update_fields=["status", "error_reason", "modified"])

    def _replaced(self, update_fields: Iterable[str] | None) -> dict[str, Any]:
        """Do not set a device back to work that was deactivated since this instance was loaded."""
        known = self._stored.get("status")
        before = super()._replaced(update_fields)
        if "status" in before and _is_in_use(known) and _is_in_use(self.status) and not _is_in_use(before["status"]):
            self.status = before.pop("status")
        return before

    @classmethod
    def mark_stale(cls, configs: models.QuerySet[Config], cause: Cause, detail: str = "") -> int:
        """Mark ``configs`` for compiling in the background with one UPDATE, and return how many there are.

        Rows are locked in the order of their keys, so concurrent marks cannot wait for each other in a circle. A mark
        that announces every device (an edited template) is not weakened by a later one, nor is any by one that
        announces nothing.
        """
        keep = models.Q(stale_since__isnull=False)
        if cause not in _SILENT:
            keep &= models.Q(stale_cause=Cause.TEMPLATE)
        locked = cls._base_manager.filter(one_of_rows(configs.order_by())).order_by("pk").select_for_update(no_key=True)
        mark = {"stale_cause": cause.value, "stale_detail": detail[:255], "stale_author": author_id()}
        kept_or_new = {
            name: models.Case(models.When(keep, then=models.F(name)), default=models.Value(value))
            for name, value in mark.items()
        }
        with transaction.atomic():
            return cls._base_manager.filter(one_of_rows(locked)).update(stale_since=Now(), **kept_or_new)


def _is_in_use(status: str | None) -> bool:
    return status not in (None, Config.Status.DEACTIVATING, Config.Status.DEACTIVATED)


_templates_in_order = Prepared[Template](
    lambda: Template.objects.filter(config_relations=Parameter("config", Config)).extra(
        order_by=[f"{Config.templates.through._meta.db_table}.sort_value"]
    )
)
