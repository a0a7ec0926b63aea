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
        from django.db.backends.signals import connection_created
        from django.db.models.signals import post_delete, post_save, pre_delete
        from openwisp_users.models import Organization

        from ..common.sql import restore_patience
        from ..config.signals import whois_fetched, whois_lookup_skipped
        from . import receivers
        from .estimated_location.receivers import after_lookup, after_skipped_lookup
        from .models import FloorPlan

        connection_created.connect(restore_patience, dispatch_uid="geo_restore_patience")  # SpatiaLite sets its own
        whois_fetched.connect(after_lookup, dispatch_uid="geo_after_lookup")
        whois_lookup_skipped.connect(after_skipped_lookup, dispatch_uid="geo_after_skipped_lookup")

        post_save.connect(receivers.create_settings, sender=Organization, dispatch_uid="geo_settings")
        pre_delete.connect(receivers.keep_positions, sender=FloorPlan, dispatch_uid="geo_keep_positions")
        post_delete.connect(receivers.remove_file, sender=FloorPlan, dispatch_uid="geo_remove_file")

    def _register(self) -> None:
        from ..config.devices import lifecycle
        from . import changes, dashboard, estimated, positions
        from .api import filters
        from .estimated_location import notifications

        changes.register()
        dashboard.register()
        filters.extend_list_of_devices()
        if estimated.is_whois_configured():
            notifications.register()
        lifecycle.moves.register("geo", positions.follow_move)
