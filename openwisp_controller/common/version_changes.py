"""What an earlier version changed, field by field, as people read it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import JSONField, ManyToManyField, Model
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from reversion.errors import RevertError
from reversion.models import Version

from .masking import MASK

_SHORT = 80
"""Characters of a value that is shown in its line; of longer ones the difference is."""
_LEFT_OUT = ("created", "modified")
#: Fields that are secret as a whole; those that hold configuration are shown to who may change the object.
_SECRET = frozenset(
    {"key", "private_key", "passphrase", "shared_secret", "auth_token", "webhook_endpoint", "params", "password"}
)
#: Parameters of connections that are no secrets; whatever else connectors have may be one.
_OPEN_PARAMETERS = frozenset({"username", "port"})


@dataclass(frozen=True)
class Change:
    """One field of one object.

    Args:
        what: the object, where it is another one than that of the page, and the field.
        before: empty where there was nothing, or the difference is told.
        after: likewise.
        lines: the difference of longer texts.
    """

    what: str
    before: str = ""
    after: str = ""
    lines: tuple[str, ...] = ()


def changes(version: Version, before: Mapping[tuple[int, str], Version]) -> list[Change]:
    """Return what the revision of a version changed: of its own object, and of those stored together with it.

    Args:
        version: of the object of the page.
        before: the version that came before, by content type and key, for each object that has one.
    """
    found = []
    for each in sorted(version.revision.version_set.all(), key=lambda each: (each.pk != version.pk, each.pk)):
        earlier = before.get((each.content_type_id, each.object_id))
        found += _of_object(each, earlier, name="" if each.pk == version.pk else str(each))
    return found


def earlier_versions(versions: Iterable[Version]) -> dict[int, dict[tuple[int, str], Version]]:
    """Return for each version the versions that came before of all objects that were stored with it.

    Args:
        versions: of one object, in any order, with their revisions and all versions of these.
    """
    latest: dict[tuple[int, str], Version] = {}
    result = {}
    for version in sorted(versions, key=lambda version: version.revision_id):
        result[version.pk] = dict(latest)
        for each in version.revision.version_set.all():
            latest[each.content_type_id, each.object_id] = each
    return result


def _of_object(version: Version, earlier: Version | None, name: str) -> list[Change]:
    try:
        new = version.field_dict
        old = earlier.field_dict if earlier is not None else {}
    except RevertError:
        return [Change(_("This version cannot be read any more: its fields have changed since."))]
    model: Any = version._model
    found = []
    lists = [field for field in model._meta.many_to_many if isinstance(field, ManyToManyField)]  # tags are none
    for field in [*model._meta.concrete_fields, *lists]:
        key = field.attname
        if field.primary_key or field.name in _LEFT_OUT or key not in new or (key in old and old[key] == new[key]):
            continue
        if earlier is None and new[key] in (None, "", [], {}, False):
            continue
        label = capfirst(str(field.verbose_name))
        what = f"{name}: {label}" if name else label
        if field.name == "params" and isinstance(new[key], dict):
            found += _of_parameters(what, old.get(key), new[key])
        else:
            found.append(_changed(what, field, old.get(key), new[key]))
    return found


def _of_parameters(what: str, old: Any, new: Mapping[str, Any]) -> list[Change]:
    """Tell which parameters of a connection changed, without those that may be secret."""
    before = old if isinstance(old, dict) else {}

    def shown(values: Mapping[str, Any], name: str) -> str:
        if name not in values:
            return ""
        return str(values[name]) if name in _OPEN_PARAMETERS else MASK

    return [
        Change(f"{what}, {name}", shown(before, name), shown(new, name))
        for name in dict.fromkeys([*before, *new])
        if name not in before or name not in new or before[name] != new[name]
    ]


def _changed(what: str, field: Any, old: Any, new: Any) -> Change:
    if field.name in _SECRET:
        return Change(what, MASK if old else "", MASK if new else "")
    before, after = _text(field, old), _text(field, new)
    if max(len(before), len(after)) <= _SHORT and "\n" not in before + after:
        return Change(what, before, after)
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    return Change(what, lines=tuple(lines))


def _text(field: Any, value: Any) -> str:
    if value is None:
        return ""
    if field.is_relation:
        keys: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
        objects = {str(each.pk): str(each) for each in _objects(field, keys)}
        return ", ".join(objects.get(str(key), _("(deleted)")) for key in keys)
    if isinstance(field, JSONField) or isinstance(value, dict | list):
        return json.dumps(value, indent=2, ensure_ascii=False, default=str) if value else ""
    return str(dict(field.flatchoices).get(value, value))


def _objects(field: Any, keys: Sequence[Any]) -> Iterable[Model]:
    found: Iterable[Model] = field.related_model._base_manager.filter(pk__in=[key for key in keys if key])
    return found
