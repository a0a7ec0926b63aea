"""Editors of JSON for credentials and commands, also for pages of packages."""

from __future__ import annotations

from typing import Any, ClassVar

from ..common.masking import MASK
from ..config.widgets import JsonSchemaWidget


class CredentialsSchemaWidget(JsonSchemaWidget):
    """Edits the parameters of the connector that is chosen; secrets stay masked."""

    schema_view_name = "admin:connection_credentials_schema"
    schema_selector = "#id_connector"
    app_label_model = "connection_credentials"
    netjsonconfig_hint = False
    extra_attrs: ClassVar[dict[str, Any]] = {"data-secrets": "password key community", "data-mask": MASK}


class CommandSchemaWidget(JsonSchemaWidget):
    """Edits the input of the kind of command that is chosen."""

    schema_view_name = "admin:connection_command_schema"
    schema_selector = "#id_command_set-0-type"
    app_label_model = "connection_command"
    netjsonconfig_hint = False
    advanced_mode = False
