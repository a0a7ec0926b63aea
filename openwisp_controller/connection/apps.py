"""Start-up of the connection app."""

from typing import Any, ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConnectionConfig(AppConfig):
    name = "openwisp_controller.connection"
    label = "connection"
    verbose_name = _("Network Device Credentials")
    default_auto_field = "django.db.models.BigAutoField"

    #: Other apps append texts; a failure whose reason holds one of them is not announced to people.
    _ignore_connection_notification_reasons: ClassVar[list[str]] = []

    @classmethod
    def _launch_update_config(cls, device_pk: Any) -> None:
        """Tell a device to fetch its configuration, once the transaction is committed; packages call it."""
        from django.db import transaction

        from .tasks import update_config

        transaction.on_commit(lambda: update_config.delay(str(device_pk)))

    def ready(self) -> None:
        from . import checks, commands, dashboard, notifications
        from .settings import settings

        settings.verify()
        commands.register_user_commands()
        checks.register()
        notifications.register()
        dashboard.register()
        self._connect()
        self._register_menu()

    def _connect(self) -> None:
        """Connect to what the configuration app announces."""
        from celery.signals import worker_process_shutdown, worker_shutdown
        from django.db.models.signals import post_delete, post_save

        from ..config.delivery import jobs
        from ..config.devices import lifecycle
        from ..config.models import Config
        from . import auto_add, batches, changes, locations, notifications, worker
        from .signals import is_working_changed

        changes.register()
        lifecycle.moves.register("connection", auto_add.follow_move)
        jobs.steps.register(auto_add.AUTO_ADD, auto_add.step)
        post_save.connect(auto_add.on_config_created, sender=Config, dispatch_uid="connection_auto_add")
        is_working_changed.connect(notifications.on_is_working_changed, dispatch_uid="connection_notify")
        place = locations.model()
        if place is not None:
            post_delete.connect(batches.forget_location, sender=place, dispatch_uid="connection_forget_location")
        for signal in (worker_process_shutdown, worker_shutdown):
            signal.connect(worker.stop, dispatch_uid="connection_worker_stop")

    def _register_menu(self) -> None:
        from openwisp_utils.admin_theme.menu import register_menu_subitem

        pages: tuple[tuple[int, Any, str], ...] = (
            (20, _("Access Credentials"), "connection.Credentials"),
            (21, _("Mass Commands"), "connection.BatchCommand"),
        )
        for position, label, model in pages:
            register_menu_subitem(
                group_position=30,
                item_position=position,
                config={
                    "label": label, "model": model, "name": "changelist", "icon": "controller-configuration-icon",
                },
            )  # fmt: skip
