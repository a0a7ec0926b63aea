"""Devices that may enrol with another key, because somebody expects them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("config", "0008_undefined_variables")]

    operations = [
        migrations.AddField(
            "device",
            "reenrolment_expected_until",
            models.DateTimeField(
                editable=False, help_text="Until then the device may enrol with another key, once.", null=True
            ),
        ),
    ]
