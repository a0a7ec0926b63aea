"""Tokens and private keys of VPN servers and their clients are encrypted in the database and in stored versions."""

from typing import Any

from django.db import migrations, models

from openwisp_controller.common.encryption import EncryptedJSONField, EncryptedTextField, decrypt_existing, encrypt_existing

MODELS = ("servercall", "vpn", "vpnclient")


def fill_member_ids(apps: Any, schema_editor: Any) -> None:
    clients = apps.get_model("config", "VpnClient").objects
    for pk, secret in clients.exclude(secret="").values_list("pk", "secret"):
        clients.filter(pk=pk).update(zerotier_member_id=secret[:10])


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0006_management_ip_is_new"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("reversion", "0002_add_index_on_version_for_content_type_and_db"),
    ]

    operations = [
        migrations.AlterField("servercall", "arguments", EncryptedJSONField(default=dict)),
        migrations.AlterField("vpn", "auth_token", EncryptedTextField(blank=True, help_text="Token for calling the webhook or the API of the VPN controller.", max_length=128, null=True, verbose_name="Webhook AuthToken")),
        migrations.AlterField("vpn", "private_key", EncryptedTextField(blank=True, max_length=44, verbose_name="private key")),
        migrations.AlterField("vpnclient", "private_key", EncryptedTextField(blank=True, max_length=44)),
        migrations.AlterField("vpnclient", "secret", EncryptedTextField(blank=True)),
        migrations.AddField(
            "vpnclient",
            "zerotier_member_id",
            models.CharField(
                max_length=10,
                blank=True,
                db_index=True,
                editable=False,
                help_text="Address of the device in ZeroTier networks, which its identity starts with.",
            ),
        ),
        migrations.RunPython(fill_member_ids, migrations.RunPython.noop),
        migrations.RunPython(encrypt_existing("config", *MODELS), decrypt_existing("config", *MODELS)),
    ]
