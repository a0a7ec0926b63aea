"""Gives the field's default groups, Operator and Administrator, their permissions on this app."""

from django.db import migrations

from openwisp_controller.common.default_permissions import MANAGE, assign

PERMISSIONS = {
    "Operator": {
        "device": MANAGE,
        "config": MANAGE,
        "template": MANAGE,
        "devicegroup": MANAGE,
        "revision": ("view",),
        "organizationconfigsettings": ("view",),
    },
    "Administrator": {
        "device": MANAGE,
        "config": MANAGE,
        "template": MANAGE,
        "devicegroup": MANAGE,
        "revision": ("view",),
        "organizationconfigsettings": ("change", "view"),
    },
}


def assign_permissions(apps, schema_editor):
    assign("config", PERMISSIONS, apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("openwisp_users", "0026_user_password_based_token"),
    ]
    operations = [migrations.RunPython(assign_permissions, migrations.RunPython.noop)]
