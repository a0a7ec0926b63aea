"""What the rendering replaces in netjsonconfig is still what it was when it was replaced (docs/decisions/0017)."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
from typing import Any

import netjsonconfig
import pytest
from netjsonconfig.backends.base.backend import BaseBackend
from netjsonconfig.backends.base.converter import BaseConverter
from netjsonconfig.backends.base.renderer import BaseRenderer
from netjsonconfig.backends.openwisp.openwisp import OpenWisp
from netjsonconfig.backends.openwrt.converters import Default, Interfaces
from netjsonconfig.backends.openwrt.renderer import OpenWrtRenderer

#: Versions whose private methods were read and compared with what stands in their place here.
READ = ("1.3.1",)
#: Private or overridden names that ``rendering/`` relies on.
NAMES = {
    BaseBackend: (
        "validate", "_validate_file_paths", "_evaluate_vars", "to_intermediate", "render", "_deduplicate_files",
        "_render_files", "generate", "_generate_contents", "_process_files", "_add_file",
    ),
    BaseRenderer: ("template_env", "env_path", "get_name", "cleanup", "render"),
    BaseConverter: ("should_run_forward", "get_copy", "to_intermediate", "to_intermediate_loop", "sorted_dict"),
    OpenWisp: ("_render_template",),
    OpenWrtRenderer: ("cleanup",),
    Default: ("to_intermediate",),
    Interfaces: ("to_intermediate_loop",),
}  # fmt: skip


def test_version_was_read() -> None:
    version = importlib.metadata.version("netjsonconfig")
    assert version in READ, (
        f"netjsonconfig {version} is new here: compare the methods named in NAMES with those of {READ[-1]} and with"
        " rendering/, then add the version to READ"
    )
    assert netjsonconfig.__file__


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in NAMES.items() for name in names])
def test_replaced_names_exist(owner: Any, name: str) -> None:
    assert inspect.getattr_static(owner, name, None) is not None, f"{owner.__name__}.{name} is gone"


def test_template_of_uci_is_the_one_that_was_rewritten() -> None:
    """``renderers.uci`` writes by hand what this template says."""
    template = importlib.metadata.distribution("netjsonconfig").locate_file(
        "netjsonconfig/backends/openwrt/templates/openwrt.jinja2"
    )
    with open(str(template), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert digest == TEMPLATE, "the template of UCI was changed: compare it with renderers.package_text"


TEMPLATE = "6c7485a48c289f0d3c6f2c96ed29d0179ae6247bd7425b24e7a188ecf7207e46"
