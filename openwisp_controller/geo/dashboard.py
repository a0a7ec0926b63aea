"""What the first page of the administration shows of locations, and where the menu leads."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Case, IntegerField, Sum, When
from django.utils.translation import gettext_lazy as _
from leaflet import app_settings as leaflet
from openwisp_utils.admin_theme import register_dashboard_chart, register_dashboard_template
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
    register_dashboard_template(  # packages begin at 0
        -10,
        {
            "template": "admin/geo/dashboard_map.html",
            "css": ("leaflet/leaflet.css", "geo/css/dashboard-map.css"),
            "js": ("leaflet/leaflet.js", "geo/js/dashboard-map.js"),
        },
        {"map_tiles": _tiles},
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


def _tiles() -> dict[str, str]:
    """Return where the background of maps comes from; empty where they have none."""
    tiles = getattr(settings, "LEAFLET_CONFIG", {}).get("TILES", leaflet["TILES"])
    if isinstance(tiles, str):
        return {"url": tiles, "attribution": ""}
    for _name, address, attribution in tiles or ():
        text = attribution.get("attribution", "") if isinstance(attribution, dict) else attribution
        return {"url": address, "attribution": text}
    return {}
