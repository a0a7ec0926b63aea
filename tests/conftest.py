"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from openwisp_controller.common.wakeup import Message, intercepted

from .databases import Migrated
from .recorder import SignalRecorder
from .services import PATIENCE
from .ssh import SshServers, servers

pytest.register_assert_rewrite("tests.http.protocol")  # before any test imports it, from whichever folder

# What hypothesis measures in seconds says how busy the machine is; its other checks find misused strategies.
hypothesis.settings.register_profile(
    "tests", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")


DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "services"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--second-run", action="store_true", help="leave out tests that need to run on one database only")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "once: what it tests does not depend on the database, though it uses one")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("second_run"):
        again = [item for item in items if not runs_once(item)]
        config.hook.pytest_deselected(items=[item for item in items if runs_once(item)])
        items[:] = again


def runs_once(item: pytest.Item) -> bool:
    """Tell whether a test passes on one database when it does on the other, because it touches none or is marked so."""
    if item.get_closest_marker("once"):
        return True
    uses_database = item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ()))
    return not uses_database and "e2e" not in item.path.parts


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """A migrated database to copy."""
    own = tmp_path_factory.getbasetemp()
    return Migrated(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, migrated: Migrated) -> None:
    """Let the database of this process be a copy."""
    from django.db import connection

    migrated.make()
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated.name
    else:

        def copy(*arguments: Any, **options: Any) -> str:
            name = connection.settings_dict["TEST"]["NAME"]
            return str(shutil.copy(migrated.file, name))

        connection.creation._create_test_db = copy


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """What one test counts in the cache is nothing to the next."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(autouse=True)
def _no_sightings() -> Iterator[None]:
    """Nor are devices that it saw."""
    from openwisp_controller.config.devices import sightings

    yield
    sightings.forget_noted()


@pytest.fixture
def recorded() -> Iterator[SignalRecorder]:
    """Records every public signal of the configuration app, in order."""
    with SignalRecorder() as recorder:
        yield recorder


@pytest.fixture
def ssh() -> Iterator[SshServers]:
    """Real SSH servers of virtual devices."""
    with servers() as result:
        yield result


@pytest.fixture
def organization(db: Any) -> Any:
    from . import factories

    return factories.organization("acme", secret=factories.SECRET)


@pytest.fixture
def other(db: Any) -> Any:
    """Another organization."""
    from . import factories

    return factories.organization("other")


@pytest.fixture
def root(db: Any) -> Any:
    from . import factories

    return factories.superuser()


@pytest.fixture
def administrator(organization: Any) -> Any:
    from . import factories

    return factories.person("administrator", organization, "Administrator")


@pytest.fixture
def operator(organization: Any) -> Any:
    from . import factories

    return factories.person("operator", organization, "Operator")


@pytest.fixture
def stranger(other: Any) -> Any:
    """The administrator of another organization."""
    from . import factories

    return factories.person("stranger", other, "Administrator")


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Any) -> Any:
    """A context manager: what the code inside enqueues for after the commit is run when it ends."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def lost_messages() -> Iterator[list[Message]]:
    """Messages to workers get lost; lists them."""
    with intercepted() as messages:
        yield messages


@pytest.fixture(scope="session")
def geolite_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from .geolite import make_certificate

    return make_certificate(tmp_path_factory.mktemp("geolite"))


@pytest.fixture
def geolite(geolite_certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The service that is asked about addresses; WHOIS is configured with it, and off in every organization."""
    from . import geolite

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(geolite_certificate))
    with geolite.serve(geolite_certificate) as service:
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT = geolite.ACCOUNT
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = geolite.KEY
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_HOST = service.host
        settings.OPENWISP_CONTROLLER_WHOIS_TIMEOUT = PATIENCE
        settings.OPENWISP_CONTROLLER_API_TASK_RETRY_OPTIONS = {"max_retries": 2}
        yield service
