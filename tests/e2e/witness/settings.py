"""The server's settings with one more app."""

from openwisp_controller.server.settings import *  # noqa: F403
from openwisp_controller.server.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.e2e.witness.apps.WitnessConfig"]
