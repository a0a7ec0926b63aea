"""Pages of the administration: what they are filtered by and what they offer is limited to what a person manages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.filters import BooleanFieldListFilter, SimpleListFilter
from django.contrib.admin.helpers import InlineAdminFormSet
from django.contrib.admin.options import IS_POPUP_VAR, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import BooleanField, DateTimeField, Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin_theme.filters import AutocompleteFilter

from .tenancy import is_made_from, managed_objects, owner_of

_QUESTION = "is "
_EXACT = ("", "exact", "in")
#: What Django calls objects of models that do not say how they are called.
_NAMELESS = re.compile(r"\w object \([^()]*\)(</a>)?$")
_Page: Any = ModelAdmin


class TenantPages(_Page):
    """Pages that tell nothing about objects of organizations that a person does not manage, whatever is asked for.

    Filters show the name of the object that the address names by its key. Where that object is not among those that
    the person may see, or does not exist, the filter is left out and the list is empty. Choices of forms, and the
    values of forms that an address fills in, are limited in the same way.
    """

    not_found = _("There is no such object, or it belongs to an organization that you do not manage.")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list under the name of what it lists."""
        title = {} if IS_POPUP_VAR in request.GET else {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Name filters by what they ask: "active", not "is active"."""
        return [self._named_filter(each) for each in super().get_list_filter(request)]

    def _named_filter(self, name: Any) -> Any:
        field = _field(self.model, name) if isinstance(name, str) else None
        is_question = isinstance(field, BooleanField) and str(field.verbose_name).startswith(_QUESTION)
        return (name, _StateFilter) if is_question else name

    def _get_obj_does_not_exist_redirect(self, *args: Any) -> Any:
        """An address that leads nowhere says so."""
        raise Http404(self.not_found)

    def get_inline_formsets(self, *args: Any, **kwargs: Any) -> Any:
        """Let the buttons that add rows say so, also where there is none yet; leave out what may not be copied."""
        found = super().get_inline_formsets(*args, **kwargs)
        for each in found:
            kind: Any = type(each)
            each.__class__ = _telling(kind)
            formset = each.formset
            lasting = max(formset.initial_form_count(), formset.min_num)
            if formset.max_num is not None and lasting >= formset.max_num:
                each.has_add_permission = False  # else there is a row that others are copied from
        return found

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Leave out what has no name for people, such as rows that only link two objects."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        linking = {
            str(model._meta.verbose_name_plural)
            for model in apps.get_models(include_auto_created=True)
            if model._meta.auto_created
        }
        return _named(deleted), {n: c for n, c in counts.items() if str(n) not in linking}, missing, protected

    def get_object_or_404(self, request: HttpRequest, key: Any) -> Any:
        """Return the object of this page that has a key.

        Raises:
            Http404: there is none that the person may know of; says so.
        """
        found = self.get_object(request, str(key))
        if found is None:
            raise Http404(self.not_found)
        return found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        base = super().get_changelist(request, **kwargs)
        return type("TenantChangeList", (_TenantChangeList, base), {})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the values of the address without those that name what the person may not see."""
        given = super().get_changeform_initial_data(request)
        return {name: value for name, value in given.items() if self._is_visible(request, name, value)}

    def _is_visible(self, request: HttpRequest, name: str, value: Any) -> bool:
        related = getattr(_field(self.model, name), "related_model", None)
        visible = visible_objects(request, related, self.admin_site) if related is not None else None
        keys = value if isinstance(value, list) else [value]
        return visible is None or _contains(visible, keys)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        for name, field in form.base_fields.items():
            if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
                field.queryset = self._selectable(request, obj, name, field.queryset)
        return form

    def _selectable(self, request: HttpRequest, obj: Any, name: str, offered: QuerySet[Any]) -> QuerySet[Any]:
        """Limit what a relation may lead to; what it leads to already stays."""
        shared = not is_made_from(self.model, name)
        visible = visible_objects(request, offered.model, self.admin_site, shared=shared)
        if visible is None:
            return offered
        chosen = getattr(obj, f"{name}_id", None)
        return offered.filter(pk__in=visible.values("pk")) | offered.filter(pk=chosen)


class _StateFilter(BooleanFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = str(self.title).removeprefix(_QUESTION)


@cache
def _telling(kind: type[InlineAdminFormSet]) -> type[InlineAdminFormSet]:
    """Return a class of formsets of inline forms, Django's or that of a package, with our texts."""
    return type(kind.__name__, (_Telling, kind), {})


class _Telling(InlineAdminFormSet):
    def __iter__(self) -> Iterator[Any]:
        """Build the rows once; those that are being added have no dates yet."""
        return iter(self._rows)

    @cached_property
    def _rows(self) -> list[Any]:
        rows = list(super().__iter__())
        for row in rows:
            if row.original is None:
                instance = row.form.instance
                for field in instance._meta.concrete_fields:
                    if isinstance(field, DateTimeField) and field.name in self.readonly_fields:
                        setattr(instance, field.name, None)
        return rows

    def inline_formset_data(self) -> str:
        data = json.loads(super().inline_formset_data())
        data["options"]["addText"] = gettext("Add %s") % self.opts.verbose_name
        return json.dumps(data)


def _named(deleted: list[Any]) -> list[Any]:
    """Return what is about to be deleted, a list in lists, without objects that are known by their number alone."""
    result: list[Any] = []
    for each in deleted:
        if isinstance(each, list):
            below = _named(each)
            if below:
                result.append(below)
        elif not _NAMELESS.search(str(each)):
            result.append(each)
    return result


class _TenantChangeList(ChangeList):
    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self._request = request
        self._unknown: set[str] | None = None
        super().__init__(request, *args, **kwargs)

    def get_filters_params(self, params: Any = None) -> Any:
        """Return the filters of the address without those that name what the person may not see."""
        given = super().get_filters_params(params)
        if self._unknown is None:
            self._unknown = {name for name, values in given.items() if not self._is_visible(name, values)}
            if self._unknown:
                text = _("The list is filtered by something that does not exist or that you may not see.")
                messages.warning(self._request, text)
        return {name: values for name, values in given.items() if name not in self._unknown}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        return rows.none() if self._unknown else rows

    def _is_visible(self, parameter: str, values: list[str]) -> bool:
        keys = [key for value in values for key in (value.split(",") if parameter.endswith("__in") else [value]) if key]
        related = self._chosen_from(parameter) if keys else None
        if related is None:
            return True
        visible = visible_objects(self._request, related, self.model_admin.admin_site)
        if visible is None:
            visible = related._default_manager.all()
        return _contains(visible, keys)

    def _chosen_from(self, parameter: str) -> type[Model] | None:
        """Return the model whose keys a parameter takes; None where it takes none, or its filter looks at them."""
        filters = [each for each in self.list_filter if isinstance(each, type) and issubclass(each, SimpleListFilter)]
        own: Any = next((each for each in filters if each.parameter_name == parameter), None)
        if own is None:
            return _related_model(self.model, parameter)
        if not issubclass(own, AutocompleteFilter):
            return None
        field = _field(own.rel_model or self.model, own.field_name)
        return getattr(field, "related_model", None)


def visible_objects(
    request: HttpRequest, model: type[Model], site: admin.AdminSite, *, shared: bool = True
) -> QuerySet[Any] | None:
    """Return the objects of a model that a person may see by name; None when all of them.

    Args:
        request: of the person.
        model: of the objects.
        site: has the pages of models that belong to no organization by a field of their own.
        shared: include objects that belong to no organization.
    """
    if request.user.is_superuser:
        return None
    if owner_of(model) is not None:
        return managed_objects(request.user, model._default_manager.all(), shared=shared)
    page = site._registry.get(model)
    return None if page is None else page.get_queryset(request)


def _contains(objects: QuerySet[Any], keys: list[Any]) -> bool:
    try:
        return all(objects.filter(pk=key).exists() for key in keys)
    except (ValidationError, ValueError):
        return False


def _related_model(model: type[Model], parameter: str) -> type[Model] | None:
    """Return the model whose keys a parameter such as ``group__id__exact`` takes, or None where it takes none."""
    current: type[Model] | None = model
    target: type[Model] | None = None
    names = parameter.split("__")
    for position, name in enumerate(names):
        field = _field(current, name)
        if field is None:
            return target if "__".join(names[position:]) in _EXACT else None
        if field.is_relation:
            target = current = field.related_model
        elif field.primary_key and target is not None:
            current = None
        else:
            return None
    return target


def _field(model: type[Model] | None, name: str) -> Any:
    if model is None:
        return None
    if name == "pk":
        return model._meta.pk
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return next((field for field in model._meta.concrete_fields if field.attname == name), None)
