"""What jobs know of themselves moves from their arguments to columns; announcements become entries of the outbox."""

from typing import Any

from django.db import migrations, models


def fill_columns(apps: Any, schema_editor: Any) -> None:
    for job in apps.get_model("config", "Job").objects.all():
        arguments = job.arguments
        job.author = arguments.pop("author", None)
        job.writers = arguments.pop("writers", None)
        started, since = arguments.pop("started", None), arguments.pop("since", None)
        job.since = since or started
        if since is not None:
            job.phase = "recheck" if job.cursor is not None else "wait"
        if job.kind == "stragglers":
            job.kind = "recheck"
        job.save()


def empty_columns(apps: Any, schema_editor: Any) -> None:
    for job in apps.get_model("config", "Job").objects.all():
        if job.author is not None:
            job.arguments["author"] = str(job.author)
        if job.since is not None:
            job.arguments["started" if job.phase == "run" else "since"] = job.since
        if job.writers is not None:
            job.arguments["writers"] = job.writers
        if job.kind == "recheck":
            job.kind = "stragglers"
        job.save()


class Migration(migrations.Migration):
    dependencies = [("config", "0004_vpn_permissions")]

    operations = [
        migrations.RenameModel("Announcement", "OutboxEntry"),
        migrations.AlterField("job", "kind", models.CharField(max_length=32)),
        migrations.AddField(
            "job",
            "phase",
            models.CharField(
                choices=[("run", "Run"), ("wait", "Wait"), ("recheck", "Recheck")], default="run", max_length=8
            ),
        ),
        migrations.AddField("job", "since", models.CharField(max_length=20, null=True)),
        migrations.AddField("job", "writers", models.JSONField(null=True)),
        migrations.AddField("job", "author", models.UUIDField(null=True)),
        migrations.AlterField(
            "servercall",
            "kind",
            models.CharField(
                choices=[
                    ("webhook", "Webhook"),
                    ("create", "Create"),
                    ("update", "Update"),
                    ("network_join", "Join"),
                    ("update_member", "Update Member"),
                    ("remove_member", "Remove Member"),
                    ("delete", "Delete"),
                    ("leave", "Leave"),
                ],
                max_length=16,
            ),
        ),
        migrations.RunPython(fill_columns, empty_columns),
    ]
