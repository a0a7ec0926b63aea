"""What the first page of the administration shows of locations, and where the menu leads."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, IntegerField, Sum, When
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin_theme import register_dashboard_chart
from openwisp_utils.admin_theme.menu import register_menu_group


def register() -> None:
    """Register the chart and the group of the menu; called once, when the app starts."""
    names = {"with_geo": False, "without_geo": True}
    each: dict[str, Any] = {
        name: Case(When(devicelocation__isnull=is_missing, then=1), default=0, output_field=IntegerField())
        for name, is_missing in names.items()
    }
    total = {f"{name}__sum": Sum(name) for name in names}
    register_dashboard_chart(
        2,
        {
            "name": _("Geographic positioning"),
            "query_params": {"app_label": "config", "model": "device", "annotate": each, "aggregate": total},
            "colors": {"with_geo__sum": "#267126", "without_geo__sum": "#353c44"},
            "labels": {"with_geo__sum": _("With geographic position"), "without_geo__sum": _("Without position")},
            "filters": {"key": "with_geo", "with_geo__sum": "true", "without_geo__sum": "false"},
        },
    )
    pages = ((1, _("Locations"), "geo.Location"), (2, _("Floorplans"), "geo.FloorPlan"))
    register_menu_group(
        position=50,
        config={
            "label": _("Geographic Info"),
            "items": {
                position: {
                    "label": label, "model": model, "name": "changelist", "icon": "controller-configuration-icon",
                }
                for position, label, model in pages
            },
            "icon": "controller-configuration-icon",
        },
    )  # fmt: skip
