"""Devices with the same templates share what is made of them, and get what each would get alone."""

from __future__ import annotations

import copy
import random
import sys
from collections import Counter, OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netjsonconfig import OpenWrt
from netjsonconfig.backends.base.backend import format_checker
from netjsonconfig.backends.openwrt import converters

from openwisp_controller.rendering import Archive, InvalidConfiguration, RenderingError, Stack, stack_of
from openwisp_controller.rendering.converters import fast_converter
from openwisp_controller.rendering.schema import CompiledSchema
from openwisp_controller.rendering.shared import READS, can_share
from openwisp_controller.rendering.variables import MAX_EXPANDED_SIZE

from .corpus import INVALID, MENDED, VALID, Case
from .mutation import mutate, slots

OPENWRT = "netjsonconfig.OpenWrt"
VALUES = ["radio0", "eth0", "lan", "10.0.0.1", "10.0.0.1\n", "1", "36", "true", "a'b", "", "é" * 15, "{{ other }}"]


class Theirs(OpenWrt):
    """A backend of somebody else."""


def outcome(stack: Stack, config: dict[str, Any], context: dict[str, Any]) -> Archive | str:
    try:
        return stack.render(config, context)
    except RenderingError as error:
        return f"{type(error).__name__}: {error.message}"


def with_variables(case: Case, draw: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration of a case with variables in place of some texts, and the texts."""
    config, context = copy.deepcopy(case.config), dict(case.context)
    texts = [(place, key) for place, key in slots(config) if isinstance(place[key], str)]
    for number, (place, key) in enumerate(draw.sample(texts, min(len(texts), draw.randrange(4)))):
        context[f"v{number}"] = place[key]
        place[key] = f"{{{{ v{number} }}}}"
    return config, context


def devices(case: Case, config: dict[str, Any], context: dict[str, Any], draw: random.Random) -> Iterator[Any]:
    """Yield what some devices have of their own, and their variables."""
    for number in range(4):
        own = draw.choice([{}, {"general": {"hostname": f"router-{number}"}}, mutate(case.config, draw)])
        values = dict(context)
        for name in draw.sample(sorted(values), min(len(values), draw.randrange(3))):
            values[name] = draw.choice(VALUES)
            if draw.random() < 0.2:
                del values[name]
        yield own, values


def stacks(case: Case, draw: random.Random) -> Iterator[tuple[Stack, Stack, dict[str, Any], dict[str, Any]]]:
    """Yield a stack for all devices, one for each alone, what the device has of its own, its variables."""
    config, context = with_variables(case, draw)
    try:
        shared = Stack(case.backend, [*case.templates, config], dsa=case.dsa)
    except RenderingError:
        return
    for own, values in devices(case, config, context, draw):
        yield shared, Stack(case.backend, [*case.templates, config], dsa=case.dsa), own, values


@settings(max_examples=400)
@given(st.sampled_from([*VALID, *MENDED, *INVALID]), st.randoms(use_true_random=False))
def test_each_device_gets_what_it_would_get_alone(case: Case, draw: random.Random) -> None:
    for shared, alone, own, values in stacks(case, draw):
        assert outcome(shared, own, values) == outcome(alone, own, values)


@pytest.mark.parametrize("case", VALID, ids=str)
def test_every_case_twice(case: Case) -> None:
    shared = Stack(case.backend, [*case.templates, case.config], dsa=case.dsa)
    expected = outcome(Stack(case.backend, [*case.templates, case.config], dsa=case.dsa), {}, case.context)
    assert outcome(shared, {}, case.context) == expected
    assert outcome(shared, {}, case.context) == expected


class Watched(dict[str, Any]):
    """Notes which keys are read."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a converter reads everything")

    keys = values = items = __iter__  # type: ignore[assignment]


@pytest.mark.parametrize("converter", READS, ids=lambda converter: converter.__name__)
def test_a_converter_reads_what_it_is_said_to_read_and_leaves_it_alone(converter: type) -> None:
    ran = 0
    for case in [*VALID, *MENDED]:
        if case.backend != OPENWRT:
            continue
        backend: Any = OpenWrt(
            Stack(OPENWRT, case.templates).expand(case.config, case.context), dsa=case.dsa is not False
        )
        backend.to_intermediate()
        made = backend.intermediate_data.get("network", [])
        if not converter.should_run_forward(backend.config):  # type: ignore[attr-defined]
            continue
        backend.config, backend.intermediate_data = Watched(backend.config), Watched({"network": made})
        before = copy.deepcopy(dict(dict.items(backend.config)))
        fast_converter(converter)(backend).to_intermediate()
        assert backend.config.read <= set(READS[converter])
        assert dict(dict.items(backend.config)) == before
        writers = {"interfaces", "routes", "ip_rules", "switch"}
        assert not backend.intermediate_data.read or writers <= set(READS[converter])
        ran += 1
    assert ran


def test_all_converters_are_known() -> None:
    assert can_share(Stack(OPENWRT).backend)
    alone = {converters.General, converters.OpenVpn, converters.ZeroTier, converters.Default}
    assert set(OpenWrt.converters) == set(READS) | alone
    assert not can_share(Stack("netjsonconfig.OpenWisp").backend)
    assert not can_share(Stack(f"{__name__}.Theirs").backend)


class Calls:
    """Counts how often functions of a module are called."""

    def __init__(self, module: str) -> None:
        self.module, self.count = module, Counter[str]()

    def __enter__(self) -> Counter[str]:
        sys.setprofile(self._note)
        return self.count

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_globals.get("__name__") == self.module:
            self.count[frame.f_code.co_name] += 1


LAN = {"name": "lan", "type": "bridge", "bridge_members": ["eth0"], "addresses": [
    {"proto": "static", "family": "ipv4", "address": "{{ address }}", "mask": 24}]}  # fmt: skip
INTERFACES = [LAN, *({"name": f"eth{number}", "type": "ethernet"} for number in range(1, 20))]


def test_what_is_the_same_is_made_once() -> None:
    stack = Stack(OPENWRT, [{"interfaces": INTERFACES}])
    with Calls(converters.Interfaces.__module__) as calls:
        for number in range(10):
            own = {"general": {"hostname": f"router-{number}"}}
            archive = stack.render(own, {"address": "10.0.0.1", "name": f"router-{number}"})
            assert archive == Stack(OPENWRT, [{"interfaces": INTERFACES}, own]).render({}, {"address": "10.0.0.1"})
            calls["to_intermediate_loop"] -= len(INTERFACES)
        assert calls["to_intermediate_loop"] == len(INTERFACES)
        stack.render({}, {"address": "10.0.0.2"})
        assert calls["to_intermediate_loop"] == 2 * len(INTERFACES)


def test_the_schema_looks_at_a_shared_section_once_and_at_all_others() -> None:
    stack = Stack(OPENWRT, [{"interfaces": INTERFACES}])
    context = {"address": "10.0.0.1"}
    stack.render({}, context)
    for own in ({"radios": [{"name": 5}]}, {"interfaces": [{"name": "x" * 16}]}, {"general": 1}):
        for _ in range(2):
            with pytest.raises(InvalidConfiguration):
                stack.render(own, context)
    wrong = Stack(OPENWRT, [{"interfaces": [{**LAN, "name": "x" * 16}]}])
    for _ in range(2):
        with pytest.raises(InvalidConfiguration):
            wrong.render({}, context)
    needed = CompiledSchema({"type": "object", "required": ["a"]}, format_checker)
    assert not needed.by_section
    assert CompiledSchema(OpenWrt.schema, format_checker).by_section


def test_many_devices_at_the_same_time() -> None:
    stack = Stack(OPENWRT, [{"interfaces": INTERFACES, "dns_servers": ["{{ dns }}"]}])

    def render(number: int) -> Archive:
        return stack.render({}, {"address": f"10.0.{number % 3}.1", "dns": f"10.0.{number % 5}.2"})

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(render, range(90)))
    assert len(set(found)) == 15
    assert all(archive == found[number % 15] for number, archive in enumerate(found))


def test_shared_parts_count_for_the_limit_of_expansion() -> None:
    servers = ["{{ long }}", "x{{ long }}"]
    stack = Stack(OPENWRT, [{"dns_servers": servers}])
    long = "a" * (MAX_EXPANDED_SIZE // 3)
    context = {"long": long}
    own = {"general": {"description": "{{ long }}{{ long }}"}}
    for _ in range(2):
        with pytest.raises(RenderingError, match='Variable "long" makes the configuration too large'):
            stack.render(own, context)


def test_a_number_of_one_device_is_none_of_another() -> None:
    radio = {"name": "radio0", "protocol": "802.11n", "channel": "{{ channel }}", "channel_width": 20, "band": "2g"}
    stack = Stack(OPENWRT, [{"radios": [radio]}])
    case = Case("", {}, templates=[{"radios": [radio]}])
    for channel in ("1", "x", "6", None, "1"):
        context = {} if channel is None else {"channel": channel}
        alone = Stack(OPENWRT, replace(case).templates)
        assert outcome(stack, {}, context) == outcome(alone, {}, context)


def test_equal_templates_are_one_stack_and_different_ones_are_not() -> None:
    template = {"interfaces": INTERFACES, "radios": []}
    again = copy.deepcopy(template)
    stack = stack_of(OPENWRT, [template])
    assert stack_of(OPENWRT, [again]) is stack
    for value in (True, 1.0, "1", [1], None):
        assert stack_of(OPENWRT, [{"x": value}]) is not stack_of(OPENWRT, [{"x": 1}])
        assert stack_of(OPENWRT, [{"x": value}]).base == {"x": value}
    assert stack_of(OPENWRT, [template], dsa=False) is not stack
    assert stack_of(OPENWRT, [template, {}]) is not stack
    again["radios"].append({})
    template["interfaces"] = []
    assert stack_of(OPENWRT, [again]).base["radios"] == [{}]
    assert stack.base == {"interfaces": INTERFACES, "radios": []}
    odd = {"x": OrderedDict(a=1)}
    assert stack_of(OPENWRT, [odd]).base == odd


def test_variants_beyond_the_first_ones_are_right_too() -> None:
    stack = Stack(OPENWRT, [{"interfaces": INTERFACES, "dns_servers": ["{{ dns }}"]}])
    for number in range(150):
        context = {"address": f"10.0.{number}.1", "dns": "10.0.0.1"}
        alone = Stack(OPENWRT, [{"interfaces": INTERFACES, "dns_servers": ["{{ dns }}"]}])
        assert stack.render({}, context) == alone.render({}, context)
    assert len(stack._shared._sections) < 100  # type: ignore[union-attr]


def told(stack: Stack, config: dict[str, Any], context: dict[str, Any]) -> str:
    try:
        stack.validate(config, context)
    except RenderingError as error:
        return f"{type(error).__name__}: {error.message}"
    return ""


@settings(max_examples=300)
@given(st.sampled_from([*VALID, *MENDED, *INVALID]), st.randoms(use_true_random=False))
def test_each_device_is_told_what_it_would_be_told_alone(case: Case, draw: random.Random) -> None:
    for shared, alone, own, values in stacks(case, draw):
        assert told(shared, own, values) == told(alone, own, values)
        assert outcome(shared, own, values) == outcome(alone, own, values)
