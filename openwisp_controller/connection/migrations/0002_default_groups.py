"""Gives the field's default groups, Operator and Administrator, their permissions on this app."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

MANAGE = ("add", "change", "delete", "view")
PERMISSIONS = {
    "Operator": {"deviceconnection": MANAGE, "command": ("add", "view"), "batchcommand": ("add", "view")},
    "Administrator": {"credentials": MANAGE, "deviceconnection": MANAGE, "command": MANAGE, "batchcommand": MANAGE},
}


def assign_permissions(apps, schema_editor):
    """Add the permissions; groups that were deleted or renamed are left alone."""
    config = installed.get_app_config("connection")
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    Group = apps.get_model("openwisp_users", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, models in PERMISSIONS.items():
        group = Group.objects.filter(name=name).first()
        if group is None:
            continue
        for model, actions in models.items():
            codenames = [f"{action}_{model}" for action in actions]
            group.permissions.add(
                *Permission.objects.filter(content_type__app_label="connection", codename__in=codenames)
            )


class Migration(migrations.Migration):
    dependencies = [
        ("connection", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("openwisp_users", "0026_user_password_based_token"),
    ]
    operations = [migrations.RunPython(assign_permissions, migrations.RunPython.noop)]
