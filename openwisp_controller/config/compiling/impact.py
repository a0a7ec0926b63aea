"""What an edit would do to devices, before it is saved: nothing is stored, nothing is allocated."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ... import rendering
from ...common.masking import MASK
from ..models import Config, Revision
from ..vpn.reading import clients as vpn_clients
from . import compiler, context
from .inputs import Inputs, Overlay, gather
from .loading import Loaded, load

CHUNK = 200
"""Configurations loaded at once."""
_SHORTEST_SECRET = 8
"""Characters; shorter values are masked nowhere, for they would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an edit would do to one configuration."""

    config: Config
    after: str = ""
    """Checksum of what it would compile to; empty when it would not compile."""
    error: str = ""
    """Why it would not compile."""
    undefined: tuple[str, ...] = ()
    """Names that it would use and nobody defines."""
    diff: str = ""
    """Unified diff of the files, secrets masked; empty when nothing changes or nobody asked."""
    group: str = ""
    """Devices of which the same lines would change have the same."""
    new_clients: int = 0
    """Of how many VPN servers the device would become a client."""

    @property
    def changes(self) -> bool:
        """Whether the device would have something else to fetch."""
        return bool(self.after) and self.after != self.config.compiled_checksum


def impact(overlay: Overlay, keys: Sequence[uuid.UUID], *, diffs: bool = True) -> Iterator[Effect]:
    """Yield what edits would do to configurations.

    Args:
        overlay: the edits.
        keys: primary keys of the configurations.
        diffs: whether to compare with what is compiled now, line by line.
    """
    stacks = compiler.Stacks()
    for start in range(0, len(keys), CHUNK):
        configs = load(keys[start : start + CHUNK])
        inputs = gather(configs, vpn_clients.clients_of_configs(configs), overlay=overlay)
        rendered = [(config, _render(inputs[config.pk], stacks)) for config in configs]
        changed = [config for config, (archive, _) in rendered if archive and _differs(config, archive)]
        before = Revision.objects.in_bulk([config.compiled_id for config in changed if config.compiled_id and diffs])
        for config, (archive, error) in rendered:
            yield _effect(inputs[config.pk], archive, error, before.get(config.compiled_id), diffs)


def _render(inputs: Inputs, stacks: compiler.Stacks) -> tuple[rendering.Archive | None, str]:
    missing = vpn_clients.missing_address(inputs.clients) or vpn_clients.unreadable_key(inputs.clients)
    if missing:
        return None, missing
    try:
        return compiler.render(inputs, stacks, inputs.with_placeholders()), ""
    except rendering.RenderingError as error:
        return None, compiler.explain(inputs) or error.message


def _differs(config: Loaded, archive: rendering.Archive) -> bool:
    return config.compiled_checksum != archive.checksum


def _effect(
    inputs: Inputs, archive: rendering.Archive | None, error: str, before: Revision | None, diffs: bool
) -> Effect:
    config: Any = inputs.config
    if archive is None:
        return Effect(config, error=error)
    servers = {template.vpn_id for template in inputs.templates if template.vpn_id is not None and template.auto_cert}
    new = len(servers - {client.vpn_id for client in inputs.clients})
    undefined = tuple(archive.undefined)
    if not diffs or not _differs(config, archive):
        return Effect(config, archive.checksum, undefined=undefined, new_clients=new)
    lines = rendering.diff(before.files() if before is not None else [], rendering.list_files(archive.data))
    edited = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    group = hashlib.sha256("".join(edited).encode()).hexdigest()[:16]
    return Effect(config, archive.checksum, "", undefined, _masked("".join(lines), inputs), group, new)


def _masked(text: str, inputs: Inputs) -> str:
    for name, value in inputs.variables().items():
        if context.is_secret(name) and isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
            for line in value.splitlines():
                if len(line) >= _SHORTEST_SECRET:
                    text = text.replace(line, MASK)
    return text
