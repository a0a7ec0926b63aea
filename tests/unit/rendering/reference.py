"""netjsonconfig itself, with sizes of files counted in bytes."""

from __future__ import annotations

import io
import tarfile
from copy import deepcopy
from typing import Any

from netjsonconfig.backends.base.backend import BaseBackend
from netjsonconfig.utils import merge_config

from .corpus import Case


class SizeInBytes(BaseBackend):
    """Mends the one defect that is not kept."""

    def _add_file(self, tar: tarfile.TarFile, name: str, contents: str, mode: str = "0644") -> None:
        data = contents.encode()
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), int(mode, 8)
        tar.addfile(info, io.BytesIO(data))


def library_class(backend: str, mended: bool = True) -> type[BaseBackend]:
    """Return a backend class of netjsonconfig, with or without its defect."""
    module, _, name = backend.rpartition(".")
    plain = getattr(__import__(module, fromlist=[name]), name)
    return type(name, (SizeInBytes, plain), {"__module__": plain.__module__}) if mended else plain


def library(case: Case, mended: bool = True) -> Any:
    """Return netjsonconfig's backend object for a case."""
    more = {} if case.dsa is None else {"dsa": case.dsa}
    backend = library_class(case.backend, mended)
    return backend(deepcopy(case.config), templates=deepcopy(case.templates), context=deepcopy(case.context), **more)


def library_merge(case: Case) -> dict[str, Any]:
    """Return netjsonconfig's merge of templates and configuration."""
    backend = library_class(case.backend)({})
    if not case.templates:
        return case.config
    result: dict[str, Any] = {}
    for layer in [*case.templates, case.config]:
        result = merge_config(result, layer, backend._get_merge_config_identifiers(layer))
    return result
