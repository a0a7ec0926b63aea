"""A name that migrations of other packages depend on: the default groups have their permissions by now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("config", "0004_add_device_model")]
    operations: list[object] = []
