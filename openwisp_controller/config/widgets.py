"""Form fields of JSON: a form made from a schema, rows of variables, and a code editor, all over one textarea.

The scripts are built from ``frontend/``. Where they are not there, or do not run, the textarea can be edited as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.forms.widgets import Script
from django.templatetags.static import static
from django.urls import reverse

_BUILT = Path(__file__).parent / "static" / "config" / "built"
_MANUAL = "https://netjsonconfig.openwisp.org/en/stable/"


class JsonEditor(forms.Textarea):
    """A textarea that a script replaces by an editor.

    Args:
        attrs: attributes of the textarea.
    """

    kind = ""
    """What the script makes of it."""

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        size = {"rows": 16, "cols": 90, "spellcheck": "false", "class": "controller-json"}
        super().__init__({**size, **(attrs or {})})

    def data(self) -> dict[str, Any]:
        """Return what the script has to know, by the names of attributes without ``data-``."""
        return {"editor": self.kind, "code-url": static("config/built/code.js")}

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        data = {f"data-{key}": text for key, text in self.data().items() if text not in (None, "")}
        return super().get_context(name, value, {**data, **(attrs or {})})

    @property
    def media(self) -> forms.Media:
        if not (_BUILT / "editor.js").exists():
            return forms.Media()
        script: Any = Script("config/built/editor.js", defer=True)
        return forms.Media(css={"all": ["config/built/editor.css"]}, js=[script])


class JsonSchemaWidget(JsonEditor):
    """Edits JSON by a form that is made from a JSON schema, or as code.

    Each argument can be an attribute of a subclass, too.

    Args:
        attrs: attributes of the textarea.
        schema_view_name: name of the address that answers with the schema, or with several by key; None where the page
            hands the schema to ``django._loadJsonSchemaUi(textarea, null, schema, true)``.
        schema_selector: CSS selector of the field whose value is the key of the schema; empty: there is just one.
        app_label_model: application and name of the model, such as ``config_device``.
        netjsonconfig_hint: whether to link to the manual of what can be configured.
        advanced_mode: whether the JSON itself can be edited.
        extra_attrs: further attributes of the textarea; with the class ``manual`` the page says when it is shown.
    """

    kind = "schema"
    schema_view_name: str | None = "config:schema"
    schema_selector: str = "#id_backend, #id_config-0-backend"
    app_label_model: str = ""
    netjsonconfig_hint: bool = True
    advanced_mode: bool = True
    extra_attrs: ClassVar[dict[str, Any]] = {}

    def __init__(self, attrs: Mapping[str, Any] | None = None, **options: Any) -> None:
        known = JsonSchemaWidget.__annotations__
        for name, value in options.items():
            if name not in known:
                raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {name!r}")
            setattr(self, name, value)
        super().__init__({**self.extra_attrs, **(attrs or {})})

    def data(self) -> dict[str, Any]:
        return {
            **super().data(),
            "schema-url": reverse(self.schema_view_name) if self.schema_view_name else "",
            "schema-selector": self.schema_selector if self.schema_view_name else "",
            "model": self.app_label_model,
            "help-url": _MANUAL if self.netjsonconfig_hint else "",
            "advanced": "" if self.advanced_mode else "false",
        }


class VariablesWidget(JsonEditor):
    """Edits variables as rows of name and value, or as JSON.

    Args:
        origin: whose variables these are, as the list of all variables calls it, such as ``device`` or ``group``.
        attrs: attributes of the textarea.
    """

    kind = "rows"

    def __init__(self, origin: str, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__({"rows": 8, **(attrs or {})})
        self.origin = origin

    def data(self) -> dict[str, Any]:
        return {**super().data(), "variables": self.origin}

    def explain(self, explained: Sequence[Mapping[str, Any]]) -> None:
        """Let the rows say what they override and where they are used; see ``admin.explained``."""
        self.attrs["data-explained"] = json.dumps(explained, default=str)
