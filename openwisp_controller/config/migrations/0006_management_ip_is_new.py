"""The first request of a device that just enrolled carries no management address, and does not clear it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("config", "0005_jobs_and_outbox")]

    operations = [
        migrations.AddField(
            "device",
            "management_ip_is_new",
            models.BooleanField(
                default=False,
                editable=False,
                help_text="The device enrolled with its management address a moment ago.",
            ),
        ),
    ]
