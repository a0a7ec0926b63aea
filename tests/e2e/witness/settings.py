"""The server's settings with one more app."""

from tests.e2e.settings import *  # noqa: F403
from tests.e2e.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.e2e.witness.apps.WitnessConfig"]
