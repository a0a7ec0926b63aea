"""Which variables a device sees, and which of several wins."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from openwisp_controller.config.compiling import context
from openwisp_controller.config.models import Config, Device, DeviceGroup, OrganizationConfigSettings, Template

from .. import factories as make
from .scenarios import fresh, save, using

pytestmark = pytest.mark.django_db
#: From strongest to weakest.
SOURCES = ["device", "predefined", "hardware id", "provider", "group", "organization", "system", "later", "earlier"]


@pytest.fixture
def provided() -> Iterator[dict[Any, dict[str, str]]]:
    """What another app provides, by configuration."""
    values: dict[Any, dict[str, str]] = {}
    context.providers.register("tests", lambda configs: values)
    yield values
    context.providers.unregister("tests")


class Sources:
    """A device whose every source of variables can be set."""

    def __init__(self, organization: Any, settings: Any, provided: dict[Any, dict[str, str]]) -> None:
        self.settings = settings
        self.provided = provided
        templates = [make.template(organization, name) for name in ("earlier", "later")]
        device = make.device(organization, "router", group=make.group(organization), hardware_id="serial")
        self.config = make.config(device, templates=templates)

    def name_of(self, *sources: str) -> str:
        """A variable that all of the sources can define."""
        return "name" if "predefined" in sources else "hardware_id" if "hardware id" in sources else "x"

    def define(self, source: str, name: str) -> None:
        value = {name: source}
        if source == "device":
            Config.objects.update(context=value)
        elif source == "hardware id":
            self.settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = True
            Device.objects.update(hardware_id=source)
        elif source == "provider":
            self.provided[self.config.pk] = value
        elif source == "group":
            DeviceGroup.objects.update(context=value)
        elif source == "organization":
            OrganizationConfigSettings.objects.update(context=value)
        elif source == "system":
            self.settings.OPENWISP_CONTROLLER_CONTEXT = value
        elif source != "predefined":
            Template.objects.filter(name=source).update(default_values=value)


@pytest.fixture
def sources(organization: Any, settings: Any, provided: dict[Any, dict[str, str]]) -> Sources:
    return Sources(organization, settings, provided)


@pytest.mark.parametrize(("stronger", "weaker"), [
    pair for pair in itertools.combinations(SOURCES, 2) if pair != ("predefined", "hardware id")
])  # fmt: skip
def test_precedence(sources: Sources, stronger: str, weaker: str) -> None:
    name = sources.name_of(stronger, weaker)
    for source in (weaker, stronger):
        sources.define(source, name)
    expected = "router" if stronger == "predefined" else stronger
    assert fresh(sources.config).get_context()[name] == expected


@pytest.mark.parametrize("source", [source for source in SOURCES if source not in ("predefined", "hardware id")])
def test_source_reaches_the_archive(sources: Sources, source: str, committing: Any) -> None:
    sources.define(source, "x")
    save(fresh(sources.config), config=using("x"))
    assert f"option description '{source}'" in fresh(sources.config).render()


def test_origins(sources: Sources) -> None:
    sources.settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = True
    for source in SOURCES[3:]:
        sources.define(source, "x")
    config = fresh(sources.config)
    layers = context.layers(config, config.ordered_templates(), context.provided([config], {})[config.pk])
    assert [layer.origin for layer in layers] == [
        "device", "predefined", "predefined", "tests", "group", "organization", "system", 'template "later"',
        'template "earlier"',
    ]  # fmt: skip


def test_predefined_come_first_the_others_are_sorted(sources: Sources) -> None:
    Config.objects.update(context={"z": 1, "a": 2})
    device = sources.config.device
    assert list(fresh(sources.config).get_context().items()) == [
        ("id", str(device.pk)), ("key", device.key), ("name", "router"), ("mac_address", device.mac_address),
        ("a", 2), ("z", 1),
    ]  # fmt: skip


def test_without_those_of_the_device(sources: Sources) -> None:
    sources.define("device", "x")
    sources.define("group", "x")
    assert fresh(sources.config).get_system_context()["x"] == "group"
    assert sources.config.device.get_context()["x"] == "group"
    assert Device.objects.get().get_context()["x"] == "device"


def test_device_without_configuration(organization: Any) -> None:
    assert make.device(organization, "router").get_context()["name"] == "router"


@pytest.mark.parametrize("malformed", [[1], "text", 1])
@pytest.mark.parametrize("source", ["device", "group", "organization", "template"])
def test_malformed_variables_are_ignored(sources: Sources, source: str, malformed: Any, committing: Any) -> None:
    """As they may have been stored by other means than forms."""
    config = fresh(sources.config)
    if source == "device":
        Config.objects.update(context=malformed)
    elif source == "group":
        DeviceGroup.objects.update(context=malformed)
    elif source == "organization":
        OrganizationConfigSettings.objects.update(context=malformed)
    else:
        Template.objects.update(default_values=malformed)
    with committing():
        save(config.device, name="another")
    assert fresh(config).compile_error == ""
    assert fresh(config).get_context()["name"] == "another"
    assert "option hostname 'another'" in fresh(config).render()


def test_first_provider_wins(organization: Any) -> None:
    config = make.config(organization)
    try:
        for origin in ("first", "second"):
            context.providers.register(origin, lambda configs, origin=origin: {config.pk: {"x": origin}})
        assert config.get_context()["x"] == "first"
    finally:
        for origin in ("first", "second"):
            context.providers.unregister(origin)


@pytest.mark.parametrize("value", [r"\1", r"\g<0>", "{{ x }}", "{{ name }}", "{% if %}", "é 'quoted'", 5, True, None])
def test_values_are_taken_literally(organization: Any, value: Any) -> None:
    config = make.config(organization, config=using("x"), context={"x": value})
    escaped = str(value).replace("'", r"'\''")
    assert f"option description '{escaped}'" in config.render()
