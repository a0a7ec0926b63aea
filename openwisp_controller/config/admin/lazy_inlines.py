"""Inline forms of a page that need not be posted with it, and those that are not even built before they are looked at.

The page holds an empty panel in the place of a lazy one. Its script (``tabs.js``) asks for the rows when the tab is
opened; until then what is posted does not speak of them, and leaves them alone. Without script a link builds them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import path, reverse

from ...common.simultaneous_edits import Seen

#: ``?tabs=all`` builds the whole page at once.
_ASKED, _ALL = "tabs", "all"


class OptionalInline:
    """Mixed into an inline class: a posted form that says nothing about its rows leaves them alone."""

    prefix: ClassVar[str]
    """What the names of its fields begin with."""

    def is_left_out(self, request: HttpRequest) -> bool:
        """Tell whether a request is a posted form that says nothing about the rows."""
        return request.method == "POST" and f"{self.prefix}-TOTAL_FORMS" not in request.POST


class LazyInline(OptionalInline):
    """Mixed into a stacked inline class: its rows are built when somebody opens their tab.

    The scripts that its rows need are in the ``media`` of the class, and begin with a row at ``formset:added``, as they
    do with one that is added.
    """


class LazyInlines:
    """Mixed into a page with lazy inline forms."""

    opts: Any
    admin_site: Any
    get_object_or_404: Callable[..., Any]
    has_view_or_change_permission: Callable[..., bool]
    has_change_permission: Callable[..., bool]
    get_formset_kwargs: Callable[..., dict[str, Any]]
    get_inline_formsets: Callable[..., list[Any]]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.tab)
        return [path("<uuid:pk>/tab/<slug:prefix>/", view, name=self._tab_name()), *super().get_urls()]  # type: ignore[misc]

    def get_inline_instances(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return the inline forms that a request is about."""
        found = super().get_inline_instances(request, obj)  # type: ignore[misc]
        return [inline for inline in found if not self._is_left_out(request, inline)]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Leave a panel in the place of each inline form that is built later."""
        obj: Any = kwargs.get("obj")
        lazy = [inline for inline in self._lazy_inlines(request, obj) if self._is_left_out(request, inline)]
        context["lazy_tabs"] = [
            {
                "id": f"{inline.prefix}-group",
                "title": inline.verbose_name_plural,
                "url": reverse(f"admin:{self._tab_name()}", args=[obj.pk, inline.prefix]),
            }
            for inline in lazy
        ]
        context["media"] = sum((inline.media for inline in lazy), start=context["media"])
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def tab(self, request: HttpRequest, pk: Any, prefix: str) -> HttpResponse:
        """Answer with the rows of a lazy inline form, and with what was seen of them (see ``simultaneous_edits``)."""
        obj = self.get_object_or_404(request, pk)
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        inline = next((each for each in self._lazy_inlines(request, obj) if each.prefix == prefix), None)
        if inline is None:
            raise Http404
        formset = inline.get_formset(request, obj)(**self.get_formset_kwargs(request, obj, inline, prefix))
        [shown] = self.get_inline_formsets(request, [formset], [inline], obj)
        may_edit = self.has_change_permission(request, obj)
        return JsonResponse({
            "html": render_to_string(inline.template, {"inline_admin_formset": shown}, request),
            "seen": Seen.of(formset.forms).digests if may_edit else {},
        })  # fmt: skip

    def _lazy_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Return those of an object that is stored; there are none of a new one."""
        found = super().get_inline_instances(request, obj) if obj is not None else ()  # type: ignore[misc]
        return [inline for inline in found if isinstance(inline, LazyInline)]

    def _is_left_out(self, request: HttpRequest, inline: Any) -> bool:
        if isinstance(inline, LazyInline) and self._is_opened(request):
            return request.GET.get(_ASKED) != _ALL
        return isinstance(inline, OptionalInline) and inline.is_left_out(request)

    def _is_opened(self, request: HttpRequest) -> bool:
        """Tell whether a request opens the page of a stored object; pages of its versions are built as a whole."""
        name = getattr(request.resolver_match, "url_name", None)
        return request.method != "POST" and name == self._page_name()

    def _page_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_change"

    def _tab_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_tab"
