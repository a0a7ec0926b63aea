"""Addresses of the configuration app, REST aside: device protocol, schemas of backends."""

from __future__ import annotations

from django.urls import include, path

from .admin import choices

urlpatterns = [
    path("", include("openwisp_controller.config.device_api.urls")),
    path("config/", include(([path("schema.json", choices.schema, name="schema")], "config"))),
]
