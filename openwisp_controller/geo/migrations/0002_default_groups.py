"""Gives the field's default groups their permissions, and organizations that exist their row of settings."""

from django.db import migrations

from openwisp_controller.common.default_permissions import assign

EDIT = ("add", "change", "delete", "view")
PERMISSIONS = {
    group: {model: EDIT for model in ("location", "floorplan", "devicelocation", "organizationgeosettings")}
    for group in ("Operator", "Administrator")
}


def assign_permissions(apps, schema_editor):
    assign("geo", PERMISSIONS, apps, schema_editor)


def create_settings(apps, schema_editor):
    """Give each organization that has none its row."""
    rows = apps.get_model("geo", "OrganizationGeoSettings").objects
    organizations = apps.get_model("openwisp_users", "Organization").objects.filter(geo_settings=None)
    for start in organizations.values_list("pk", flat=True).iterator():
        rows.create(organization_id=start)


class Migration(migrations.Migration):
    dependencies = [
        ("geo", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("openwisp_users", "0026_user_password_based_token"),
    ]
    operations = [
        migrations.RunPython(assign_permissions, migrations.RunPython.noop),
        migrations.RunPython(create_settings, migrations.RunPython.noop),
    ]
