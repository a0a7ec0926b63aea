"""Lists of devices by a status other than applied, and with the newest first, need not read whole tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("config", "0011_notices")]

    operations = [
        migrations.AddIndex(
            "config",
            models.Index(fields=["status"], name="config_not_applied", condition=~models.Q(status="applied")),
        ),
        migrations.AddIndex("device", models.Index(fields=["-created"], name="config_device_newest")),
    ]
