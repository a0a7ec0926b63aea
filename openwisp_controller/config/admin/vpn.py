"""VPN servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantOrgFilter, MultitenantRelatedOrgFilter

from ...common.handover import Handover
from ..compiling.context import Layer
from ..impacts import Edit
from ..models import Vpn
from ..settings import settings
from ..vpn import provisioning
from ..vpn.kinds import Kind
from ..vpn.reading import server_config
from ..widgets import JsonSchemaWidget
from . import explained
from .base import Secret, tell_backend
from .impact import TellsImpact, edit_of_fields
from .renderable import RenderedAdmin


class SubnetFilter(MultitenantRelatedOrgFilter):
    """Offers the subnets of the organizations that a person manages."""

    field_name = "subnet"
    parameter_name = "subnet_id"
    title = _("subnet")


@dataclass(frozen=True)
class _Answer:
    """What the controller of a ZeroTier server answered before the transaction of the change began."""

    vpn: Vpn
    """With the network that it has at the controller."""
    refusal: ValidationError | None = None


#: By the request that posts a form.
_answers: Handover[_Answer] = Handover()


class VpnForm(forms.ModelForm):
    """Clears what does not belong to the chosen backend before it is checked."""

    answer: _Answer | None = None
    """What the controller of a ZeroTier server answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding and "backend" in self.fields:
            self.fields["backend"].initial = settings.DEFAULT_VPN_BACKEND
        tell_backend(self)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not Kind.of(cleaned.get("backend") or "").openvpn:
            cleaned["ca"] = cleaned["cert"] = None
        if "ca" in self.changed_data and "cert" not in self.changed_data:
            cleaned["cert"] = None  # of the former CA: a new one is made
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.answer is None or self.errors:
            return
        if self.answer.refusal is not None:
            self.add_error(None, self.answer.refusal)
        else:
            for name in ("id", "node_id", "network_id", "config"):
                setattr(self.instance, name, getattr(self.answer.vpn, name))


@admin.register(Vpn)
class VpnAdmin(TellsImpact, RenderedAdmin):
    form = VpnForm
    change_form_template = "admin/config/vpn/change_form.html"
    list_display = ("name", "organization", "backend", "subnet", "ip", "created", "modified")
    json_widgets = {"config": JsonSchemaWidget({"data-uses": _("this server")}, app_label_model="config_vpn")}
    list_filter = (MultitenantOrgFilter, "backend", SubnetFilter, "created")
    list_select_related = ("organization", "subnet", "ip")
    search_fields = ("id", "name", "host", "key")
    autocomplete_fields = ("ip", "subnet")
    multitenant_shared_relations = ["ca", "cert", "subnet"]
    readonly_fields = ("id", "public_key", "state", "system_context", "created", "modified")
    fields = (
        "organization", "name", "host", "id", "key", "backend", "ca", "cert", "subnet", "ip", "public_key",
        "webhook_endpoint", "auth_token", "notes", "system_context", "config", "state", "created", "modified",
    )  # fmt: skip
    secrets = ("key", "auth_token", "system_context", "config")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out secrets for those who may only look."""
        fields = super().get_fields(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            return [name for name in fields if name not in self.secrets]
        return [name for name in fields if obj is not None or name not in ("public_key", "state", "system_context")]

    def edit_of(self, request: HttpRequest, form: Any) -> Edit | None:
        return edit_of_fields(
            form.instance, form, ("name", "notes", "organization", *self.secrets[:2], "webhook_endpoint")
        )

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with self._controller_asked(request, None):
            return super().add_view(request, *args, **kwargs)

    def told_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        with self._controller_asked(request, object_id):
            return super().told_view(request, object_id, *args, **kwargs)

    @contextmanager
    def _controller_asked(self, request: HttpRequest, object_id: str | None) -> Iterator[None]:
        """Ask the controller of a posted ZeroTier server before the transaction of the change begins."""
        vpn = self._posted_zerotier_server(request, object_id) if request.method == "POST" else None
        with ExitStack() as asked:
            if vpn is not None:
                try:
                    asked.enter_context(provisioning.controller_asked(vpn))
                except ValidationError as error:
                    _answers.put(request, _Answer(vpn, error))
                else:
                    _answers.put(request, _Answer(vpn))
            yield

    def _posted_zerotier_server(self, request: HttpRequest, object_id: str | None) -> Vpn | None:
        """Return the server of a posted form, if it is one of ZeroTier and nothing is wrong with the form."""
        stored = self.get_object(request, unquote(object_id)) if object_id is not None else None
        if not Kind.of(request.POST.get("backend") or getattr(stored, "backend", "")).zerotier:
            return None
        if not (self.has_change_permission(request, stored) if stored else self.has_add_permission(request)):
            return None
        form = self.get_form(request, stored, change=stored is not None)(request.POST, request.FILES, instance=stored)
        return form.instance if form.is_valid() else None

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Let the form know what the controller answered."""
        form = super().get_form(request, obj, **kwargs)  # a class of its own for each request
        form.answer = _answers.get(request)
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in ("key", "auth_token"):
            kwargs["widget"] = Secret
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        used = [vpn for vpn in objs if vpn.vpnclient_set.exists()]
        reason = _("%(vpn)s is used by devices: unassign its templates from them first")
        return deleted, counts, missing, [*protected, *(reason % {"vpn": vpn} for vpn in used)]

    def compile_error_of(self, instance: Vpn) -> str:
        return Vpn.objects.values_list("compile_error", flat=True).get(pk=instance.pk)

    def text_of(self, instance: Vpn) -> str:
        return server_config.render_text(instance)

    def archive_of(self, instance: Vpn) -> bytes | None:
        """The archive that the server may fetch."""
        return bytes(instance.released.archive) if instance.released is not None else None

    def variables_of(self, instance: Vpn) -> dict[str, Any]:
        """What templates of the server know."""
        return instance.get_vpn_server_context()

    @admin.display(description=_("System defined variables"))
    def system_context(self, vpn: Vpn) -> str:
        values = vpn.get_context()
        shown = {"values": values, "explained": explained.of_layers([Layer("server", values)], ())}
        return render_to_string("admin/config/secrets.html", shown)

    @admin.display(description=_("state"))
    def state(self, vpn: Vpn) -> str:
        return render_to_string("admin/config/vpn/state.html", {"vpn": vpn})
