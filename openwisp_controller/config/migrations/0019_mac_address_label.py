"""How the field of MAC addresses is called; the database stays as it is."""

from __future__ import annotations

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("config", "0018_list_settings")]

    operations = [
        migrations.AlterField(
            model_name="device",
            name="mac_address",
            field=models.CharField(
                db_index=True,
                help_text="primary mac address",
                max_length=17,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\\Z", "Must be a valid mac address.", code="invalid"
                    )
                ],
                verbose_name="MAC address",
            ),
        ),
    ]
