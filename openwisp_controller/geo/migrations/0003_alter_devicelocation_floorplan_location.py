"""Changes nothing: migrations of the field's packages come after the one of this name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("geo", "0002_default_groups")]
    operations = []
