"""Values of forms as browsers post them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.http import QueryDict


def plain(value: Any) -> Any:
    """Return a value as it compares: objects by key, and nothing is as good as an empty text."""
    if value is None:
        return ""
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, list | tuple | QuerySet):
        return [plain(each) for each in value]
    return value if isinstance(value, dict | str | int | float | bool) else str(value)


def put(data: QueryDict, name: str, field: forms.Field, value: Any) -> None:
    """Write the value of a field into posted data, in place of what stands there.

    Args:
        data: may be changed.
        name: of the field, with its prefix.
        field: its widget decides how the value is posted.
        value: as forms have it initially.
    """
    data.pop(name, None)
    widget: Any = field.widget
    prepared = field.prepare_value(value)
    if isinstance(widget, forms.CheckboxInput):
        if prepared:
            data[name] = "on"
    elif isinstance(widget, forms.MultiWidget):
        for number, part in enumerate(widget.decompress(prepared) or ()):
            data[f"{name}_{number}"] = part or ""
    elif isinstance(prepared, list | tuple | QuerySet):
        keys = [str(key) for key in plain(prepared)]
        data.setlist(name, keys)
        if field.has_changed(value, widget.value_from_datadict(data, {}, name)):
            data[name] = ",".join(keys)  # as sortable lists are posted
    else:
        shown = widget.format_value(prepared)
        if isinstance(shown, list):  # as lists to choose one from have it
            data.setlist(name, [str(each) for each in shown])
        else:
            data[name] = shown or ""


def completed(form: forms.BaseForm, given: QueryDict) -> QueryDict:
    """Return posted data with the values that a form has initially, where nothing else was posted.

    Args:
        form: unbound, of the object that is there already or is about to be made.
        given: what was posted.
    """
    data = given.copy()
    for name, field in form.fields.items():
        html_name = form.add_prefix(name)
        if html_name not in data:
            put(data, html_name, field, form.get_initial_for_field(field, name))
    return data
