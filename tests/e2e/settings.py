"""The server's settings, with patience: devices of tests answer, on busy machines after a while."""

import os

from openwisp_controller.server.settings import *  # noqa: F403

from ..services import PATIENCE

OPENWISP_SSH_CONNECTION_TIMEOUT = OPENWISP_SSH_BANNER_TIMEOUT = OPENWISP_SSH_AUTH_TIMEOUT = PATIENCE
OPENWISP_SSH_COMMAND_TIMEOUT = OPENWISP_CONTROLLER_PUSH_DEADLINE = PATIENCE
if "BATCH_CONCURRENCY" in os.environ:
    OPENWISP_CONTROLLER_BATCH_CONCURRENCY = int(os.environ["BATCH_CONCURRENCY"])
