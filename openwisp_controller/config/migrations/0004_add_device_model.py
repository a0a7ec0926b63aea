"""A name that migrations of other packages depend on; all that they expect is there by now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("config", "0013_whois")]
    operations: list[object] = []
