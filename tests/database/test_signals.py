"""Which change sends which signals, in which order: the decision table, row by row."""

from __future__ import annotations

import ast
import hashlib
import inspect
import itertools
import re
from collections import defaultdict
from typing import Any

import pytest
from django.dispatch import Signal

from openwisp_controller.config import maintenance, signals
from openwisp_controller.config.models import Config, Device, OutboxEntry, Revision
from openwisp_controller.config.policy import changes
from openwisp_controller.config.policy.effects import Edited
from openwisp_controller.config.unit_of_work import Happened, Saved

from .. import factories as make
from ..geolite import ADDRESS, Geolite
from ..recorder import SignalRecorder
from . import edge_scenarios, scenarios
from .scenarios import MODIFIED, OTHER_BACKEND, STATUS, Scenario, World, fresh, interface, save, using

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "scenario", [*scenarios.SCENARIOS, *edge_scenarios.SCENARIOS], ids=lambda scenario: scenario.name
)
def test_scenario(scenario: Scenario, organization: Any, committing: Any, recorded: SignalRecorder) -> None:
    world = World(organization)
    with committing():
        world.things.update(scenario.given(world))
    recorded.clear()
    with committing():
        scenario.when(world)
    expected = scenario.then(world) if callable(scenario.then) else scenario.then
    assert recorded.names == [signal.name for signal in expected]
    for signal, emission in zip(expected, recorded.emitted, strict=True):
        for name, value in signal.arguments.items():
            assert emission.arguments[name] == value, (signal.name, name)
    assert not OutboxEntry.objects.exists()
    check_consistency()


def check_consistency() -> None:
    """After every change nothing is stale, what is served hashes to its checksum, and compiling again adds nothing."""
    assert not Config.objects.filter(stale_since__isnull=False).exists()
    for config in Config.objects.select_related("released", "compiled"):
        assert config.released is not None
        assert hashlib.md5(bytes(config.released.archive)).hexdigest() == config.checksum
        assert config.compiled_id == config.released_id or config.release_policy == Config.Release.HELD
    revisions = Revision.objects.count()
    maintenance.recompute()
    maintenance.compile_stale()
    assert Revision.objects.count() == revisions


def _arguments(text: str) -> set[str]:
    """The names in a docstring such as "Arguments: instance (Config), action. Further text."."""
    listed = text.removeprefix("Arguments:").split(". ")[0].rstrip(".")
    return {word.strip() for word in re.sub(r"\([^)]*\)", "", listed).split(",")}


def _documented() -> dict[str, set[str]]:
    """Signal → the arguments that its docstring in signals.py names."""
    body = ast.parse(inspect.getsource(signals)).body
    documented = {}
    for statement, following in itertools.pairwise(body):
        if isinstance(statement, ast.Assign) and isinstance(following, ast.Expr):
            assert isinstance(statement.targets[0], ast.Name)
            assert isinstance(following.value, ast.Constant)
            documented[statement.targets[0].id] = _arguments(str(following.value.value))
    return documented


def test_every_signal_documents_its_arguments() -> None:
    assert set(_documented()) == {name for name, value in vars(signals).items() if isinstance(value, Signal)}


def test_arguments_are_the_documented_ones(
    organization: Any, recorded: SignalRecorder, client: Any, committing: Any, geolite: Geolite
) -> None:
    """Make everything happen once; what is sent carries just the arguments that are documented."""
    template = make.template(organization, config=interface("eth1"))
    group = make.group(organization)
    group.templates.set([template])
    config = make.config(organization, config=interface("eth0"))
    device = config.device
    for name, value in (("name", "renamed"), ("group", group), ("management_ip", "10.0.0.9")):
        setattr(device, name, value)
        device.save()
    save(fresh(config), backend=OTHER_BACKEND)
    for action in ("checksum", "download-config"):
        assert client.get(f"/controller/{action}/{device.pk.hex}/", {"key": device.key}).status_code == 200
    enrolment = {"secret": make.SECRET, "name": "new", "mac_address": "02:12:34:56:78:9a", "backend": make.BACKEND}
    assert client.post("/controller/register/", enrolment).status_code == 201
    device.deactivate()
    fresh(config).set_status_deactivated()
    Device.objects.get(pk=device.pk).activate()
    with committing():
        vpn = make.vpn(organization)
        fresh(config).templates.add(make.vpn_template(vpn, backend=OTHER_BACKEND, config=interface("wg0")))
        save(vpn, host="vpn2.test.com")
    save(organization.config_settings, whois_enabled=True)
    for _ in range(2):
        with committing():
            make.device(organization, last_ip=ADDRESS)
    assert {emission.name: set(emission.arguments) for emission in recorded.emitted} == _documented()


def test_table_names_real_fields_and_documented_arguments() -> None:
    for row in changes.TABLE:
        fields = row.trigger.fields if isinstance(row.trigger, Edited) else ()
        assert set(fields) <= set(getattr(row.trigger.model, "observed_fields", ())), row.what
        for sends in row.signals():
            name = next((name for name, value in vars(signals).items() if value is sends.signal), None)
            if name is None:
                continue  # of another app
            observation: Any = (
                Saved(row.trigger.model(), created=False, before=dict.fromkeys(fields))
                if fields
                else Happened(_subject(row.trigger.model), row.trigger.name, defaultdict(str))
            )
            assert {sends.named, *sends.emission(observation).arguments} == _documented()[name], row.what


def _subject(model: Any) -> Any:
    return Config(device=Device()) if model is Config else model()


def test_receivers_of_a_direct_change_see_it_and_may_undo_it(organization: Any) -> None:
    config = make.config(organization)
    seen = []

    def refuse(instance: Config, **kwargs: Any) -> None:
        seen.append((fresh(instance).config, instance.checksum == fresh(instance).checksum))
        raise LookupError

    signals.config_modified.connect(refuse)
    try:
        with pytest.raises(LookupError):
            save(config, config=interface("eth9"))
    finally:
        signals.config_modified.disconnect(refuse)
    assert seen == [(interface("eth9"), True)]
    assert fresh(config).config == {}
    config.save()
    assert fresh(config).config == interface("eth9")
    check_consistency()


def test_receiver_saves_the_instance_it_gets(organization: Any, recorded: SignalRecorder) -> None:
    config = make.config(organization, status="applied")

    def edit(instance: Config, **kwargs: Any) -> None:
        if not instance.context:
            save(instance, context={"x": "1"})

    signals.config_modified.connect(edit)
    recorded.clear()
    try:
        save(config, config=using("x"))
    finally:
        signals.config_modified.disconnect(edit)
    assert recorded.names.count(MODIFIED) == 2
    assert recorded.names.count(STATUS) == 1
    assert fresh(config).context == {"x": "1"}
    check_consistency()


def test_receiver_saves_in_the_background(organization: Any, committing: Any, recorded: SignalRecorder) -> None:
    template = make.template(organization)
    make.config(organization, templates=[template], status="applied")

    def touch(instance: Config, **kwargs: Any) -> None:
        instance.save()

    signals.config_status_changed.connect(touch)
    recorded.clear()
    try:
        with committing():
            save(template, config=interface("eth9"))
    finally:
        signals.config_status_changed.disconnect(touch)
    assert recorded.names == [STATUS, MODIFIED]


def test_receiver_that_fails_in_the_background_stops_nobody(
    organization: Any, committing: Any, recorded: SignalRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    template = make.template(organization)
    for _ in range(2):
        make.config(organization, templates=[template])

    def fail(**kwargs: Any) -> None:
        raise LookupError("no such thing")

    signals.config_modified.connect(fail)
    recorded.clear()
    try:
        with committing():
            save(template, config=interface("eth9"))
    finally:
        signals.config_modified.disconnect(fail)
    assert recorded.names == [MODIFIED, MODIFIED]
    assert "test_receiver_that_fails_in_the_background" in caplog.text
    check_consistency()


def test_deactivation_shows_each_receiver_the_status_it_is_told(organization: Any, recorded: SignalRecorder) -> None:
    config = make.config(organization, status="applied")
    recorded.clear()
    config.device.deactivate()
    assert [(emission.name, emission.seen["status"]) for emission in recorded.emitted] == [
        (STATUS, "deactivating"),
        ("config_deactivating", "deactivating"),
        (STATUS, "deactivated"),
        ("config_deactivated", "deactivated"),
        ("device_deactivated", None),
    ]


def test_instances_in_hand_are_brought_up_to_date(organization: Any) -> None:
    config = make.config(organization, status="applied")
    before = config.checksum
    save(config, config=interface("eth9"))
    assert (config.status, config.checksum) == ("modified", fresh(config).checksum)
    assert config.checksum != before
    device = config.device
    save(device, name="another")
    assert device.config.checksum == fresh(config).checksum
