"""The form of a new mass command: who gets it, and its input, whose secrets no page shows again."""

from __future__ import annotations

import binascii
import json
import time
import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.forms.utils import ErrorList
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from ...common.encryption import UnreadableSecret, keyring
from ...common.json_input import JSONFormField
from ...common.masking import MASK
from ...config.models import Device
from .. import batches, commands
from ..models import BatchCommand
from ..models.command_input import mistakes
from .command_fields import schemas_of

_PURPOSE = "input of a mass command that is being planned"
_DAY = 86400
_MOST_SELECTED = 20_000


class BatchCommandForm(forms.ModelForm):
    """Asks for a mass command.

    Secrets of its input come back to the browser as masks only; what they stand for travels with the form, encrypted
    (``sealed``), for the person who typed it. ``selected`` are devices that were marked in the list of devices.
    """

    required_css_class = "required"
    input = JSONFormField(
        required=False,
        label=gettext_lazy("Input"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy('JSON, such as {"command": "uptime"}; nothing for commands without input.'),
    )
    sealed = forms.CharField(required=False, widget=forms.HiddenInput)
    selected = forms.CharField(required=False, widget=forms.HiddenInput)
    user: Any
    """Who fills it in."""
    site: Any = admin.site
    input_errors: dict[str, str]
    data: Any
    _errors: Any

    class Meta:
        model = BatchCommand
        fields = (
            "label", "organization", "group", "location", "devices", "type", "input", "stop_after_failures", "notes",
        )  # fmt: skip
        help_texts = {
            "organization": gettext_lazy("All of its devices get the command, unless what follows says otherwise."),
            "group": gettext_lazy("Only devices of this group."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_errors = {}
        self.initial["input"] = InvalidJSONInput("")  # else "null" is shown
        self.fields["input"].widget.attrs["data-schemas"] = reverse("admin:connection_command_schema")
        self.schemas = schemas_of(commands.get_command_choices())

    @property
    def selection(self) -> list[uuid.UUID]:
        """The keys of the devices that were marked in the list of devices."""
        found = []
        for text in self._marked():
            try:
                found.append(uuid.UUID(text))
            except ValueError:
                continue
        return found

    def _marked(self) -> list[str]:
        return [text for text in str(self["selected"].value() or "").split(",") if text]

    @property
    def selected_devices(self) -> list[str]:
        """The names of those devices."""
        return list(self._managed().filter(pk__in=self.selection).order_by("name").values_list("name", flat=True))

    @property
    def mistakes_as_json(self) -> str:
        """What is wrong with the input, by its parts."""
        return json.dumps(self.input_errors)

    @property
    def visible_rows(self) -> list[Any]:
        """The fields that are filled in."""
        return [field for field in self if not field.is_hidden]

    def _managed(self) -> Any:
        devices = Device.objects.all()
        return devices if self.user.is_superuser else devices.filter(organization__in=self.user.organizations_managed)

    def clean_location(self) -> Any:
        """The command keeps the key."""
        return getattr(self.cleaned_data["location"], "pk", None)

    def clean_selected(self) -> list[Any]:
        """Only devices that the person manages count."""
        keys, marked = self.selection, self._marked()
        if len(marked) > _MOST_SELECTED:
            text = gettext("More than %d devices are selected: choose them by organization, group or location.")
            raise ValidationError(text % _MOST_SELECTED)
        found = list(self._managed().filter(pk__in=keys).values_list("pk", flat=True)) if keys else []
        if len(found) < len(set(marked)):  # who is left out is not replaced by everybody
            raise ValidationError(gettext("Some of the devices that were selected do not exist any more."))
        return found

    def clean_input(self) -> Any:
        """A mask stands for what was typed before; nothing, for a command that takes values, for no values."""
        value = commands.restored(self.cleaned_data["input"], self._opened())
        type_ = self.cleaned_data.get("type")
        schema = commands.get_command_schema(type_) if type_ else None
        return {} if value is None and (schema or {}).get("type") == "object" else value

    def _post_clean(self) -> None:
        type_, value = self.cleaned_data.get("type"), self.cleaned_data.get("input")
        super()._post_clean()  # type: ignore[misc]
        if type_:
            self.input_errors = self._mistakes(type_, value)
            if self.input_errors:
                self._errors["input"] = ErrorList(list(self.input_errors.values()), error_class="errorlist")
        self._hide_secrets(type_, value)

    def _mistakes(self, type_: str, value: Any) -> dict[str, str]:
        if value is None and self.data.get("input", "").strip() not in ("", "null"):
            return {"": " ".join(map(str, self.errors.get("input", ())))}  # it is no JSON
        if commands.takes_secrets(type_) and isinstance(value, dict):
            masked = {name: gettext("Type this again.") for name, each in value.items() if each == MASK}
            if masked:
                return masked
        return mistakes(type_, value)

    def _hide_secrets(self, type_: Any, value: Any) -> None:
        """Let the form, should it be shown again, hold what was typed with masks, and encrypted."""
        self.data = self.data.copy()
        if type_ and value is not None:
            self.data["input"] = json.dumps(commands.hidden(type_, value), ensure_ascii=False)
            self.data["sealed"] = self._sealed(type_, value) if commands.takes_secrets(type_) else ""
        elif not type_ or commands.takes_secrets(type_):
            self.data["input"] = self.data["sealed"] = ""

    def _sealed(self, type_: str, value: Any) -> str:
        content = {"user": str(self.user.pk), "type": type_, "input": value, "time": time.time()}
        return keyring().encrypt(json.dumps(content).encode(), _PURPOSE)

    def _opened(self) -> Any:
        """Return the input that this person typed before for the same type of command; None where there is none."""
        try:
            content = json.loads(keyring().decrypt(self.data.get("sealed", ""), _PURPOSE))
        except (UnreadableSecret, binascii.Error, ValueError):
            return None
        fits = content["user"] == str(self.user.pk) and content["type"] == self.data.get("type")
        return content["input"] if fits and time.time() - content["time"] < _DAY else None

    def targets(self) -> Any:
        """Return the devices that the checked mass command is for.

        Raises:
            ValidationError: there are none, or they belong to another organization.
        """
        named = [device.pk for device in self.cleaned_data["devices"]]
        return batches.targets(self.instance, [*named, *self.cleaned_data["selected"]])
