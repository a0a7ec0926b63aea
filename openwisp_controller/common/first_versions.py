"""What an object was like before somebody edited it for the first time."""

from __future__ import annotations

from typing import Any

import reversion
from django.utils.translation import gettext
from reversion.models import Version


def keep(instance: Any) -> None:
    """Store the version of an object that has none yet; to be called before it is edited."""
    if Version.objects.get_for_object(instance).exists():
        return
    with reversion.create_revision():
        reversion.add_to_revision(type(instance)._base_manager.get(pk=instance.pk))
        reversion.set_comment(gettext("Before the first edit"))
