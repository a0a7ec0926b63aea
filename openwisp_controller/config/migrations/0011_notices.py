"""What people are to be told is written down, so that a burst is told together."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("config", "0010_indexes")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=32)),
                ("subject", models.UUIDField()),
                ("facts", models.JSONField(default=dict)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={"ordering": ("id",), "default_permissions": ()},
        ),
    ]
