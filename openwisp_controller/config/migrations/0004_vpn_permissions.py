"""Gives the field's default groups, Operator and Administrator, their permissions on VPN servers."""

from django.db import migrations

from openwisp_controller.common.default_permissions import MANAGE, assign

PERMISSIONS = {
    "Operator": {"vpn": ("view",), "vpnrevision": ("view",)},
    "Administrator": {"vpn": MANAGE, "vpnrevision": ("view",)},
}


def assign_permissions(apps, schema_editor):
    assign("config", PERMISSIONS, apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("config", "0003_vpn_servers")]
    operations = [migrations.RunPython(assign_permissions, migrations.RunPython.noop)]
