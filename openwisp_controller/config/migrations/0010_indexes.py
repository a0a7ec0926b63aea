"""The name of a device is looked up in any case, in its organization."""

from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("config", "0009_reenrolment")]

    operations = [
        migrations.AddIndex(
            "device",
            models.Index(models.F("organization"), Upper("name"), name="config_device_org_upper_name"),
        ),
    ]
