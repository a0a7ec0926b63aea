"""netjsonconfig itself, with sizes of files counted in bytes."""

from __future__ import annotations

import io
import tarfile
from copy import deepcopy
from typing import Any

from netjsonconfig.backends.base.backend import BaseBackend
from netjsonconfig.utils import merge_config

from openwisp_controller.rendering import list_files
from openwisp_controller.uci import UciPackage, UciSection, parse

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


def read(data: bytes) -> dict[str, UciPackage]:
    """Read the packages of an archive as the router does."""
    found = {}
    for file in list_files(data):
        if file.path.startswith(("etc/config/", "uci/")):
            name = file.path.split("/")[-1].removesuffix(".conf")
            found[name] = parse(file.contents, name)
    return found


def meant(case: Case) -> dict[str, UciPackage]:
    """Return what netjsonconfig's converters make of a case, before anything is written.

    Names have underscores instead of dots and hyphens, also those that netjsonconfig forgets.
    """
    backend = library(case)
    backend.to_intermediate()
    packages = {}
    for name, blocks in backend.intermediate_data.items():
        package = packages[name] = UciPackage(name)
        for block in blocks:
            name, kind = _valid(block[".name"]), block[".type"]
            section = package.section(name)
            if section is None:
                section = UciSection(_valid(kind) if kind.startswith("wireguard_") else kind, name)
                package.sections.append(section)
            _lay(section.options, block)
    return packages


def _valid(name: str) -> str:
    return name.replace(".", "_").replace("-", "_")


def _lay(options: dict[str, Any], block: dict[str, Any]) -> None:
    for key, value in block.items():
        if value in ("", None, [], {}) or key.startswith("."):
            continue
        if isinstance(value, bool):
            options[key] = str(int(value))
        elif isinstance(value, (list, dict, tuple)):
            before = options.get(key, [])
            options[key] = [*([before] if isinstance(before, str) else before), *map(str, value)]
        else:
            options[key] = str(value)
