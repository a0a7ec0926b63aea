"""The connectors that the settings name."""

from __future__ import annotations

from django.utils.module_loading import import_string

from ..settings import settings


def paths_with_update_strategy() -> list[str]:
    """Return the paths of the configured connectors over which devices are updated and commanded."""
    return [path for path, _ in settings.CONNECTORS if import_string(path).has_update_strategy]
