"""Start-up of the subnet division app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SubnetDivisionConfig(AppConfig):
    name = "openwisp_controller.subnet_division"
    label = "subnet_division"
    verbose_name = _("Subnet Division")
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        from .settings import settings

        settings.verify()
        self._connect()
        self._register()

    def _connect(self) -> None:
        from django.db.models.signals import pre_delete
        from openwisp_ipam.models import IpAddress, Subnet

        from ..config.signals import vpn_server_modified
        from . import changes, manual_edits, rules
        from .models import SubnetDivisionRule

        for rule_type in rules.types().values():
            rule_type.validate_rule_type()
            rule_type.connect()
        pre_delete.connect(
            changes.before_deletion, sender=SubnetDivisionRule, dispatch_uid="subnet_division_rule_deleted"
        )
        vpn_server_modified.connect(changes.on_server_modified, dispatch_uid="subnet_division_server_modified")
        for model in (Subnet, IpAddress):
            uid = f"subnet_division_deleting_{model.__name__}"
            pre_delete.connect(manual_edits.before_deletion, sender=model, dispatch_uid=uid)

    def _register(self) -> None:
        from ..config.delivery import jobs
        from ..config.devices import lifecycle
        from ..config.models import VpnClient
        from . import backfill, changes, deprovision, provisioning, rename, variables, vpn_addresses

        changes.register()
        variables.register()
        jobs.steps.register(provisioning.JOB, backfill.step)
        jobs.steps.register(rename.JOB, rename.step)
        jobs.steps.register(deprovision.JOB, deprovision.step)
        lifecycle.moves.register("subnet division", deprovision.follow_move)
        VpnClient.register_auto_ip_stopper(vpn_addresses.are_divided)
