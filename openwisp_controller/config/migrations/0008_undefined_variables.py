"""Configurations know which variables they use that nobody defines; the next compile fills the column."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("config", "0007_encrypted_secrets")]

    operations = [
        migrations.AddField(
            "config",
            "undefined_variables",
            models.JSONField(
                blank=True,
                default=list,
                editable=False,
                help_text="Names that the configuration uses and nobody defines.",
                verbose_name="undefined variables",
            ),
        ),
    ]
