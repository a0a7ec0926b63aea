"""Private keys of certification authorities and certificates are encrypted in the database and in stored versions."""

from django.db import migrations

from openwisp_controller.common.encryption import EncryptedTextField, decrypt_existing, encrypt_existing

MODELS = ("ca", "cert")


class Migration(migrations.Migration):
    dependencies = [
        ("pki", "0002_default_groups"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("reversion", "0002_add_index_on_version_for_content_type_and_db"),
    ]

    operations = [
        migrations.AlterField("ca", "passphrase", EncryptedTextField(blank=True, help_text="Passphrase for the private key, if present", max_length=64)),
        migrations.AlterField("ca", "private_key", EncryptedTextField(blank=True, help_text="private key in X.509 PEM format; encrypted in the database")),
        migrations.AlterField("cert", "passphrase", EncryptedTextField(blank=True, help_text="Passphrase for the private key, if present", max_length=64)),
        migrations.AlterField("cert", "private_key", EncryptedTextField(blank=True, help_text="private key in X.509 PEM format; encrypted in the database")),
        migrations.RunPython(encrypt_existing("pki", *MODELS), decrypt_existing("pki", *MODELS)),
    ]
