"""Start-up of the geographic app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GeoConfig(AppConfig):
    name = "openwisp_controller.geo"
    label = "geo"
    verbose_name = _("Geographic Information")
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        from .settings import settings

        settings.verify()
        self._connect()
        self._register()

    def _connect(self) -> None:
        from django.db.models.signals import post_delete, post_save, pre_delete
        from openwisp_users.models import Organization

        from . import receivers
        from .models import FloorPlan

        post_save.connect(receivers.create_settings, sender=Organization, dispatch_uid="geo_settings")
        pre_delete.connect(receivers.keep_positions, sender=FloorPlan, dispatch_uid="geo_keep_positions")
        post_delete.connect(receivers.remove_file, sender=FloorPlan, dispatch_uid="geo_remove_file")

    def _register(self) -> None:
        from ..config.devices import lifecycle
        from . import changes, dashboard, positions
        from .api import filters

        changes.register()
        dashboard.register()
        filters.extend_list_of_devices()
        lifecycle.moves.register("geo", positions.follow_move)
