"""Lists as a person wants them: columns that they chose, filters that they named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ...common.handover import Handover
from ..models import ListSettings

MOST = 30
"""Filters of a list that a person can name."""
#: What of an address is no filter: place in the list, order (columns are counted there), errors, pop-ups.
_NO_FILTER = ("p", "o", "e", "all", "_popup", "_to_field")
_known: Handover[ListSettings] = Handover()


class NameForm(forms.Form):
    """A name for the filters and search of an address."""

    name = forms.CharField(max_length=64)
    query = forms.CharField(max_length=2000)


class OwnLists:
    """Mixed into a page with a list. What a person chooses is read with one statement."""

    admin_site: Any
    model: Any
    opts: Any
    labels: ClassVar[dict[str, Any]]
    has_view_permission: Callable[..., bool]
    message_user: Callable[..., None]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.change_own_list))
        return [path("own-list/", view, name=self._url_name), *super().get_urls()]  # type: ignore[misc]

    @property
    def _url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_own_list"

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out the columns that the person hides; the first one, which leads to the objects, stays."""
        names = list(self.all_columns(request))
        hidden = self._list_settings(request).hidden
        return [names[0], *(name for name in names[1:] if name not in hidden)]

    def all_columns(self, request: HttpRequest) -> Any:
        """Return the names of all columns that there are for a person."""
        return super().get_list_display(request)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        own = self._list_settings(request)
        query = _filters_of(request.GET)
        context = {
            "own_list_url": reverse(f"{self.admin_site.name}:{self._url_name}"),
            "own_columns": [
                (name, self._column_label(name), name not in own.hidden) for name in list(self.all_columns(request))[1:]
            ],
            "own_filters": [(name, saved, saved == query) for name, saved in own.filters],
            "own_query": query,
            "address_query": request.GET.urlencode(),
        }
        answer: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})  # type: ignore[misc]
        return answer

    def _column_label(self, name: str) -> str:
        page: Any = self
        return capfirst(str(self.labels.get(name) or label_for_field(name, self.model, page)))

    def change_own_list(self, request: HttpRequest) -> HttpResponse:
        """Choose columns (``columns``, ``shown``), name the filters of an address (``save``), or ``forget`` them.

        Leads back to the list, with the query ``query``.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        back = QueryDict(request.POST.get("query", "")[:4000], mutable=True)
        with transaction.atomic():
            own = self._locked_settings(request)
            if "columns" in request.POST:
                shown = set(request.POST.getlist("shown"))
                own.hidden = [name for name in list(self.all_columns(request))[1:] if name not in shown]
                back.pop("o", None)  # columns are counted there
            elif "forget" in request.POST:
                own.filters = [pair for pair in own.filters if pair[0] != request.POST["forget"]]
            else:
                self._save_filter(request, own, back)
            own.save()
        query = back.urlencode()
        page = reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return HttpResponseRedirect(f"{page}?{query}" if query else page)

    def _save_filter(self, request: HttpRequest, own: ListSettings, given: QueryDict) -> None:
        form = NameForm({"name": request.POST.get("name", ""), "query": _filters_of(given)})
        if not form.is_valid():
            text = _("The filter was not saved: it needs a name, and something that it finds.")
            self.message_user(request, text, messages.ERROR)
            return
        name, found = form.cleaned_data["name"], form.cleaned_data["query"]
        others = [pair for pair in own.filters if pair[0] != name]
        if len(others) >= MOST:
            text = _("The filter was not saved: there are %d already. Delete one of them first.") % MOST
            self.message_user(request, text, messages.ERROR)
            return
        own.filters = [*others, [name, found]]
        self.message_user(request, _("The filter was saved as “%s”.") % name, messages.SUCCESS)

    def _locked_settings(self, request: HttpRequest) -> ListSettings:
        user: Any = request.user
        ListSettings.objects.get_or_create(user=user, model=self.opts.label_lower)
        rows = ListSettings.objects.select_for_update(no_key=True)
        stored: ListSettings = rows.get(user=user, model=self.opts.label_lower)
        return stored

    def _list_settings(self, request: HttpRequest) -> ListSettings:
        """Return what a person chose; read once in a request."""
        own = _known.get(request)
        if own is None:
            user: Any = request.user
            own = ListSettings.objects.filter(user=user, model=self.opts.label_lower).first() or ListSettings()
            _known.put(request, own)
        return own


def _filters_of(address: QueryDict) -> str:
    """Return the filters and the search of an address, as a query."""
    kept = address.copy()
    for name in _NO_FILTER:
        kept.pop(name, None)
    return kept.urlencode()
