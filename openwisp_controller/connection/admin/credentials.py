"""Credentials. Their secrets are never shown again; a mask that is left in place keeps them.

Their versions hold the secrets encrypted, tell that one changed, and bring it back.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.module_loading import import_string
from openwisp_users.multitenancy import MultitenantAdminMixin, MultitenantOrgFilter

from ...common.versions import GuardedVersions
from ...config.unit_of_work import unit_of_work
from ..masked_params import restore_masked, shown_params
from ..models import Credentials
from ..settings import settings
from ..widgets import CredentialsSchemaWidget


class CredentialsForm(forms.ModelForm):
    class Meta:
        model = Credentials
        fields = ("connector", "name", "organization", "auto_add", "params")
        widgets = {"params": CredentialsSchemaWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:
            self.stored = self.instance.params
            self.initial["params"] = shown_params(self.instance, None)

    def clean_params(self) -> Any:
        """A mask stands for what is stored."""
        return restore_masked(self.cleaned_data["params"], getattr(self, "stored", {}))


@admin.register(Credentials)
class CredentialsAdmin(MultitenantAdminMixin, GuardedVersions):
    form = CredentialsForm
    list_display = ("name", "organization", "connector", "auto_add", "created", "modified")
    list_filter = (MultitenantOrgFilter, "connector")
    list_select_related = ("organization",)
    search_fields = ("name",)
    readonly_fields = ("created", "modified")
    fields = ("connector", "name", "organization", "auto_add", "params", "created", "modified")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Lists need no secrets, so a lost key spoils no list."""
        return super().get_queryset(request).defer("params")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is not None else self.fields[: -len(self.readonly_fields)]

    def as_one_change(self) -> Any:
        return unit_of_work()

    def check_restored(self, instance: Credentials) -> None:
        """Store once more what was restored, for only that adds credentials to devices that add themselves."""
        super().check_restored(instance)
        instance.save()

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.schema)
        return [path("ui/schema.json", view, name="connection_credentials_schema"), *super().get_urls()]

    def schema(self, request: HttpRequest) -> JsonResponse:
        """Answer with the schema of the parameters of every connector."""
        return JsonResponse({name: import_string(name).schema for name, _ in settings.CONNECTORS})
