"""When devices were last seen."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def leave_room(apps: Any, schema_editor: Any) -> None:
    """Let PostgreSQL put new versions of rows beside the old ones: each row is written every few minutes."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE config_sighting SET (fillfactor = 50)")


class Migration(migrations.Migration):
    dependencies = [("config", "0016_device_imports")]

    operations = [
        migrations.CreateModel(
            name="Sighting",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="sighting",
                        serialize=False,
                        to="config.device",
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunPython(leave_room, migrations.RunPython.noop),
    ]
