"""Start-up of the configuration app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConfigConfig(AppConfig):
    name = "openwisp_controller.config"
    label = "config"
    verbose_name = _("Network Configuration")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        from .settings import settings

        settings.verify()  # models are made from some of them
        super().import_models()

    def ready(self) -> None:
        from . import checks, converters, dashboard  # noqa: F401 (packages use the converters in their addresses)

        checks.register()
        self._install_policy()
        self._limit_archives()
        self._connect()
        self._register_menu()
        dashboard.register()
        self._register_notifications()

    def _install_policy(self) -> None:
        """Say what changes mean: the table, the phases of a unit of work, the steps of jobs."""
        from . import unit_of_work
        from .policy import evaluation, job_steps, phases, vpn_changes

        vpn_changes.register()
        job_steps.register()
        phases.register()
        unit_of_work.install(evaluation.evaluate)

    def _limit_archives(self) -> None:
        from .. import rendering
        from .settings import settings

        rendering.limit_archives(lambda: settings.MAX_ARCHIVE_SIZE)

    def _connect(self) -> None:
        """Connect the receivers that observe what models do not report themselves."""
        from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
        from openwisp_ipam.models import IpAddress, Subnet
        from openwisp_users.models import Organization

        from ..pki.models import Ca, Cert
        from ..pki.signals import renewed, renewing
        from .assignment import receivers as lists
        from .models import Config, Device, DeviceGroup, OrganizationConfigSettings, Template, Vpn, VpnClient
        from .models.organization import create_limits
        from .policy import receivers
        from .vpn import clients, ipam_edits

        m2m_changed.connect(lists.on_config_templates, sender=Config.templates.through, dispatch_uid="config_templates")
        m2m_changed.connect(
            lists.on_group_templates, sender=DeviceGroup.templates.through, dispatch_uid="group_templates"
        )
        for model in (Template, DeviceGroup, OrganizationConfigSettings, Vpn):
            pre_delete.connect(receivers.before_deletion, sender=model, dispatch_uid=f"config_delete_{model.__name__}")
        for restored in (Template, DeviceGroup, OrganizationConfigSettings, Device, Config, Vpn):
            name = restored.__name__
            pre_save.connect(receivers.before_restoring, sender=restored, dispatch_uid=f"config_restoring_{name}")
            post_save.connect(receivers.after_restoring, sender=restored, dispatch_uid=f"config_restored_{name}")
        post_delete.connect(receivers.after_deleting_vpn, sender=Vpn, dispatch_uid="config_deleted_vpn")
        post_delete.connect(receivers.after_deleting_device, sender=Device, dispatch_uid="config_deleted_device")
        post_delete.connect(clients.on_deletion, sender=VpnClient, dispatch_uid="config_deleted_vpn_client")
        for used in (Subnet, IpAddress):
            name = used.__name__
            pre_save.connect(ipam_edits.before_saving, sender=used, dispatch_uid=f"config_saving_{name}")
            post_save.connect(ipam_edits.after_saving, sender=used, dispatch_uid=f"config_saved_{name}")
            pre_delete.connect(ipam_edits.before_deleting, sender=used, dispatch_uid=f"config_deleting_{name}")
            post_delete.connect(ipam_edits.after_deleting, sender=used, dispatch_uid=f"config_deleted_{name}")
        for certified in (Ca, Cert):
            name = certified.__name__
            renewing.connect(receivers.before_renewal, sender=certified, dispatch_uid=f"config_renewing_{name}")
            renewed.connect(receivers.after_renewal, sender=certified, dispatch_uid=f"config_renewed_{name}")
        post_save.connect(create_limits, sender=Organization, dispatch_uid="config_limits")

    def _register_menu(self) -> None:
        from openwisp_utils.admin_theme.menu import register_menu_group

        register_menu_group(
            position=20,
            config={
                "label": _("Devices"),
                "model": "config.Device",
                "name": "changelist",
                "icon": "controller-device-icon",
            },
        )
        pages = (
            (_("Templates"), "config.Template"),
            (_("VPN Servers"), "config.Vpn"),
            (_("Device Groups"), "config.DeviceGroup"),
            (_("Revisions"), "config.Revision"),
        )
        items = {
            position: {"label": label, "model": model, "name": "changelist", "icon": "controller-configuration-icon"}
            for position, (label, model) in enumerate(pages, 1)
        }
        register_menu_group(
            position=30,
            config={"label": _("Configurations"), "items": items, "icon": "controller-configuration-icon"},
        )

    def _register_notifications(self) -> None:
        from . import notifications

        notifications.register()
