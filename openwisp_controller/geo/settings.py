"""Settings of the geographic app. Names and defaults are the field's; see ``docs/reference/settings.md``."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from ..common.settings import Setting, SettingsGroup, must_be, positive
from ..config.settings import settings as config_settings


class GeoSettings(SettingsGroup):
    """What floor plans may be like, and what locations do by default."""

    prefix = "OPENWISP_CONTROLLER_"

    FLOORPLAN_MAX_SIZE = Setting(
        5 * 1024 * 1024,
        "How many bytes the file of a floor plan may have. `MAX_BODY_SIZE` of the server limits it, too.",
        positive,
    )
    FLOORPLAN_MAX_PIXELS = Setting(
        50_000_000, "How many pixels, width times height, the image of a floor plan may have.", positive
    )
    ESTIMATED_LOCATION_ENABLED = Setting(
        False,
        "Whether locations are estimated from addresses in organizations that do not decide about it themselves.",
        must_be(bool, "True or False"),
    )

    def verify(self) -> None:
        super().verify()
        if self.ESTIMATED_LOCATION_ENABLED and not config_settings.WHOIS_ENABLED:
            raise ImproperlyConfigured(
                f"{self.prefix}ESTIMATED_LOCATION_ENABLED is True, so {config_settings.prefix}WHOIS_ENABLED must be"
                " True, too."
            )


settings = GeoSettings()
__getattr__ = settings.attribute
