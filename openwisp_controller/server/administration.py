"""The site of the administration: that of the theme, with a search over all of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.urls import path
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from openwisp_utils.admin_theme.admin import OpenwispAdminSite

#: By name, because its module registers pages at this site.
_SEARCH = "openwisp_controller.config.admin.search.search"


class Administration(OpenwispAdminSite):
    """Named by ``OPENWISP_ADMIN_SITE_CLASS``; projects of their own may name it, too."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Return the models by app; made when somebody looks at it, for every page carries it and few show it."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def get_urls(self) -> list[Any]:
        return [path("search/", self.admin_view(import_string(_SEARCH)), name="controller_search"), *super().get_urls()]
