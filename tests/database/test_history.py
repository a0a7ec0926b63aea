"""Revisions with their cause and author, diffs, going back to one, and lifting the hold."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from openwisp_controller.common.authorship import acting_as
from openwisp_controller.config.devices import history
from openwisp_controller.config.models import Cause, Config

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import fresh, interface, save

pytestmark = pytest.mark.django_db


def description(text: str) -> dict[str, Any]:
    return {"general": {"description": text}}


@pytest.fixture
def config(organization: Any) -> Config:
    """A device whose configuration was edited twice and applied."""
    config = make.config(organization, config=description("first"))
    save(fresh(config), config=description("second"))
    Config.objects.update(status="applied")
    return fresh(config)


@pytest.fixture
def person(db: Any) -> Any:
    return get_user_model().objects.create_user("operator", email="operator@example.org", password="x")


def test_revisions_say_why(config: Config) -> None:
    causes = [(revision.cause, revision.detail) for revision in history.revisions(config)]
    assert causes == [
        (Cause.EDITED, "configuration or variables edited"),
        (Cause.CREATED, "configuration created"),
    ]


def test_revisions_say_who(config: Config, person: Any) -> None:
    with acting_as(person.pk):
        save(fresh(config), config=description("third"))
    save(fresh(config), config=description("fourth"))
    assert [revision.author for revision in history.revisions(config)[:2]] == [None, person]


def test_the_author_of_a_template_edit_reaches_all_devices(organization: Any, person: Any, committing: Any) -> None:
    template = make.template(organization, config=interface("eth0"))
    configs = [make.config(organization, templates=[template]) for _ in range(2)]
    with committing(), acting_as(person.pk):
        save(template, config=interface("eth1"))
    for config in configs:
        newest = history.revisions(config)[0]
        assert (newest.cause, newest.author) == (Cause.TEMPLATE, person)
        assert newest.detail == f'template "{template.name}"'
        assert fresh(config).stale_author is None


def test_the_author_of_a_group_edit_reaches_all_devices(organization: Any, person: Any, committing: Any) -> None:
    template = make.template(organization, config=interface("eth0"))
    group = make.group(organization)
    config = make.config(make.device(organization, group=group))
    with committing(), acting_as(person.pk):
        group.templates.set([template])
    assert history.revisions(config)[0].author == person


def test_the_person_behind_a_request_is_the_author(config: Config, admin_client: Any, admin_user: Any) -> None:
    from django.urls import reverse

    url = reverse("admin:config_device_changelist")
    admin_client.post(url, {"action": "deactivate_device", "_selected_action": [str(config.device_id)]})
    newest = history.revisions(config)[0]
    assert (newest.cause, newest.author) == (Cause.DEACTIVATED, admin_user)


def test_diff(config: Config) -> None:
    new, old = history.revisions(config)
    text = history.diff(old, new)
    assert "--- a/etc/config/system\n+++ b/etc/config/system\n" in text
    assert "-\toption description 'first'\n" in text
    assert "+\toption description 'second'\n" in text
    assert history.diff(new, new) == ""
    assert history.diff(None, old).startswith("--- /dev/null\n")


def test_diff_of_files_and_modes(organization: Any) -> None:
    def files(mode: str, *paths: str) -> dict[str, Any]:
        return {"files": [{"path": path, "mode": mode, "contents": "x\n"} for path in paths]}

    config = make.config(organization, config=files("0644", "/etc/a", "/etc/b"))
    save(fresh(config), config=files("0600", "/etc/a"))
    text = history.diff(*reversed(history.revisions(config)))
    assert "mode of etc/a: 0644 → 0600\n" in text
    assert "--- a/etc/b\n+++ /dev/null\n" in text


def test_rolling_back_releases_and_holds(config: Config, recorded: SignalRecorder) -> None:
    new, old = history.revisions(config)
    history.roll_back(config, old)
    assert recorded.names == ["config_modified", "config_status_changed"]
    assert recorded.only("config_modified").previous_status == "applied"
    assert recorded.only("config_modified").action == "config_changed"
    for instance in (config, fresh(config)):
        assert (instance.released_id, instance.status) == (old.pk, "modified")
        assert instance.release_policy == Config.Release.HELD
    assert history.pending(fresh(config)) == new
    assert fresh(config).config == description("second"), "what people wrote is not touched"


def test_while_held_nothing_moves(config: Config, recorded: SignalRecorder, committing: Any) -> None:
    template = make.template(config.device.organization, config=interface("eth0"))
    old = history.revisions(config)[1]
    history.roll_back(config, old)
    Config.objects.update(status="applied")
    recorded.clear()
    with committing():
        save(fresh(config), config=description("third"))
        fresh(config).templates.add(template)
        save(template, config=interface("eth1"))
    assert recorded.names == []
    held = fresh(config)
    assert (held.released_id, held.status) == (old.pk, "applied")
    waiting = history.pending(held)
    assert waiting is not None
    assert "third" in history.diff(old, waiting)
    assert "eth1" in history.diff(old, waiting)


def test_lifting_the_hold_releases_what_waits(config: Config, recorded: SignalRecorder) -> None:
    new, old = history.revisions(config)
    history.roll_back(config, old)
    Config.objects.update(status="applied")
    recorded.clear()
    history.lift_hold(fresh(config))
    assert recorded.names == ["config_modified", "config_status_changed"]
    assert fresh(config).released_id == new.pk
    assert history.pending(fresh(config)) is None
    recorded.clear()
    history.lift_hold(fresh(config))
    assert recorded.names == []


def test_rolling_back_to_what_is_released_only_holds(config: Config, recorded: SignalRecorder) -> None:
    history.roll_back(config, history.revisions(config)[0])
    assert recorded.names == []
    assert (fresh(config).status, fresh(config).release_policy) == ("applied", Config.Release.HELD)


def test_revisions_of_other_devices_are_refused(config: Config, organization: Any) -> None:
    other = make.config(organization)
    with pytest.raises(ValidationError, match="another device"):
        history.roll_back(other, history.revisions(config)[0])


def test_deactivated_devices_are_refused(config: Config) -> None:
    config.device.deactivate()
    with pytest.raises(ValidationError, match="deactivated"):
        history.roll_back(fresh(config), history.revisions(config).last())


def test_deactivating_lifts_the_hold(config: Config) -> None:
    history.roll_back(config, history.revisions(config)[1])
    fresh(config).device.deactivate()
    assert fresh(config).release_policy == Config.Release.AUTOMATIC
    assert fresh(config).released_id == fresh(config).compiled_id
