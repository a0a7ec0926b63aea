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
from netjsonconfig.backends.openvpn.renderer import OpenVpnRenderer
from netjsonconfig.backends.openwisp.openwisp import OpenWisp
from netjsonconfig.backends.openwrt.converters import Default, Interfaces, WireguardPeers, ZeroTier
from netjsonconfig.backends.openwrt.openwrt import OpenWrt
from netjsonconfig.backends.openwrt.renderer import OpenWrtRenderer
from netjsonconfig.backends.wireguard.renderer import WireguardRenderer

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
    OpenWrt: ("_generate_contents",),
    OpenWisp: (
        "_render_template", "_generate_contents", "_get_install_context", "_add_install", "_add_uninstall",
        "_add_openvpn_scripts", "_add_tc_script",
    ),
    OpenWrtRenderer: ("cleanup",),
    OpenVpnRenderer: ("cleanup",),
    WireguardRenderer: ("cleanup",),
    Default: ("to_intermediate", "_get_uci_name"),
    Interfaces: (
        "to_intermediate_loop", "_intermediate_8021_vlan", "_check_bridge_vlan", "_Interfaces__intermediate_device",
    ),
    WireguardPeers: ("to_intermediate_loop",),
    ZeroTier: ("to_intermediate_loop",),
}  # fmt: skip


#: Templates that are written by hand here, and their digests.
TEMPLATES = {
    "openwrt/templates/openwrt": "6c7485a48c289f0d3c6f2c96ed29d0179ae6247bd7425b24e7a188ecf7207e46",
    "openwisp/templates/openwrt": "6b56d250f897d464c4b911b0bb62bc3a6a52b7a1fefaa746b0854cdb81e24b6b",
    "openvpn/templates/openvpn": "793fb9b82b99d0491160a938141bbbf5717ec26f5060f3549bdf2736dc02ab48",
    "wireguard/templates/wireguard": "9450cfd8fff2a9ab8d7a383e451d677e779e851de8171b50afc12045b24de628",
}


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


@pytest.mark.parametrize("path", TEMPLATES)
def test_templates_are_those_that_were_rewritten(path: str) -> None:
    """``uci_text`` and ``vpn_text`` write by hand what these templates say."""
    template = importlib.metadata.distribution("netjsonconfig").locate_file(f"netjsonconfig/backends/{path}.jinja2")
    with open(str(template), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert digest == TEMPLATES[path], f"the template {path} was changed: compare it with uci_text and vpn_text"
