"""Loading configurations with all that compiling needs, many at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import F

from ...common.prepared import PreparedForKeys
from ...common.registry import Registry
from ...common.sql import exists_referring
from ..models import Config, Template, VpnClient

#: What ``load`` tells about every configuration without a query of its own: attribute → expression, such as whether
#: rows of an app refer to it.
extra_columns: Registry[Any] = Registry("extra column of configurations")
extra_columns.register("has_vpn_clients", exists_referring(VpnClient, "config", Config))
_RELATED = ("device", "device__organization__config_settings", "device__group")
#: Name of an annotation → checksum of what a pointer holds.
_CHECKSUMS = {
    f"{pointer}_checksum": F(f"{pointer}__checksum") for pointer in ("compiled", "released", "downloaded", "applied")
}

if TYPE_CHECKING:

    class Loaded(Config):
        """A configuration as ``load`` returns it: with the checksums of the revisions that it points to."""

        compiled_checksum: str | None
        released_checksum: str | None
        downloaded_checksum: str | None
        applied_checksum: str | None
        has_vpn_clients: bool
else:
    Loaded = Config


def load(ids: Iterable[uuid.UUID], *, new: bool = False) -> list[Loaded]:
    """Load configurations with all that rendering needs and the checksums of what their pointers hold.

    Args:
        ids: primary keys.
        new: all of them were created in this transaction, so the pointers hold nothing yet.
    """
    if not new:
        return _loaded(ids)
    configs = _just_created(ids)
    for config in configs:
        config.__dict__.update(dict.fromkeys(_CHECKSUMS))
    return configs


def _query(wanted: Any, **others: Any) -> Any:
    configs = Config.objects.filter(wanted).select_related(*_RELATED).order_by("pk")
    return configs.annotate(**dict(extra_columns.items()), **others)


_loaded: PreparedForKeys[Loaded] = PreparedForKeys(Config, "id", lambda wanted: _query(wanted, **_CHECKSUMS))
_just_created: PreparedForKeys[Loaded] = PreparedForKeys(Config, "id", _query)


def templates_of(
    configs: Sequence[Config], known: Mapping[uuid.UUID, list[Template]]
) -> dict[uuid.UUID, list[Template]]:
    """Return the templates of each configuration from first to last, leaving out those of another backend."""
    backends = {config.pk: config.backend for config in configs}
    unknown = [key for key in backends if key not in known]
    if len(unknown) == 1:
        known = {**known, **{config.pk: config.ordered_templates() for config in configs if config.pk in unknown}}
        unknown = []
    result: dict[uuid.UUID, list[Template]] = {
        key: [template for template in known.get(key, ()) if template.backend == backend]
        for key, backend in backends.items()
    }
    if not unknown:
        return result
    links = Config.templates.through.objects.filter(config_id__in=unknown)
    order = list(links.order_by("config_id", "sort_value", "id").values_list("config_id", "template_id"))
    templates = Template.objects.in_bulk({template for _, template in order}) if order else {}
    for config, template in order:
        if templates[template].backend == backends[config]:
            result[config].append(templates[template])
    return result
