"""Answers of the tools beside the forms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpResponse
from django.utils.http import content_disposition_header


def archive(name: str, data: bytes) -> HttpResponse:
    """Offer an archive for download, called ``name`` with its ending."""
    disposition = content_disposition_header(True, f"{name}.tar.gz") or "attachment"
    return HttpResponse(data, content_type="application/octet-stream", headers={"Content-Disposition": disposition})


def variables(context: Mapping[str, Any]) -> HttpResponse:
    """Tell configuration variables as JSON."""
    return HttpResponse(json.dumps(context, default=str, ensure_ascii=False), content_type="application/json")


def errors_of(form: forms.BaseForm) -> dict[str, list[str]]:
    """Return what is wrong in a form, by field."""
    return {field: [str(message) for message in found] for field, found in form.errors.items()}
