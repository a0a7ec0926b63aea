"""Mixins that create credentials and connections in tests of packages, and a device to log in to."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import asyncssh
from django.db.models import Q
from swapper import load_model

from ...config.tests.utils import CreateConfigTemplateMixin, stored
from ...fleet.ssh import DeviceSshServer
from ..settings import settings

Credentials = load_model("connection", "Credentials")
DeviceConnection = load_model("connection", "DeviceConnection")


@cache
def private_key_path() -> str:
    """Return the path of a private key that was made for this run."""
    path = Path(tempfile.mkdtemp(prefix="test-ssh-")) / "id_rsa"
    asyncssh.generate_private_key("ssh-rsa", key_size=2048).write_private_key(str(path), "pkcs1-pem")
    return str(path)


class SshServer:
    """A virtual device that people with a key may log in to; it knows the commands of a controller and a little shell.

    Listens on a free port of 127.0.0.1 from its construction until ``__exit__``.

    Args:
        users: name → path of the private key that logs in. All are ``root`` of the device.
    """

    def __init__(self, users: Mapping[str, str] | None = None) -> None:
        keys = [asyncssh.read_private_key(path).export_public_key().decode() for path in (users or {}).values()]
        self.device = DeviceSshServer(password="password", authorized="".join(keys))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self.device.start())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    @property
    def port(self) -> int:
        return self.device.port

    def __enter__(self) -> SshServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._run(self.device.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


class _Port:
    """Stands for a server that is started elsewhere."""

    port = 22


class SshTestMixin:
    """A key to log in with, and the port where."""

    ssh_server: Any = _Port()

    @property
    def _SSH_PRIVATE_KEY(self) -> str:  # noqa: N802 (the field's name)
        return Path(private_key_path()).read_text()

    class _KeyPath:
        def __get__(self, instance: object, owner: type) -> str:
            return private_key_path()

    _TEST_RSA_PRIVATE_KEY_PATH = _KeyPath()


class CreateConnectionsMixin(SshTestMixin, CreateConfigTemplateMixin):
    """Creates credentials, and connections of devices."""

    def _create_credentials(self, **kwargs: Any) -> Any:
        options = {
            "name": "Test credentials",
            "connector": settings.CONNECTORS[0][0],
            "params": {"username": "root", "password": "password", "port": 22},
            **kwargs,
        }
        if "organization" not in options:
            options["organization"] = self._get_org()
        return stored(Credentials(**options))

    def _get_credentials(self, **kwargs: Any) -> Any:
        """Return the credentials that an organization may use if there are some, else new ones."""
        organization = kwargs.get("organization", self._get_org() if "organization" not in kwargs else None)
        found = Credentials.objects.all()
        if organization is not None:
            found = found.filter(Q(organization=organization) | Q(organization=None))
        return found.first() or self._create_credentials(**{"organization": organization, **kwargs})

    def _create_credentials_with_key(self, username: str = "root", port: int = 22, **kwargs: Any) -> Any:
        params = {"username": username, "key": self._SSH_PRIVATE_KEY, "port": port}
        return self._create_credentials(**{"name": "Test SSH key", "params": params, **kwargs})

    def _create_device_connection(self, **kwargs: Any) -> Any:
        options = {"enabled": True, "params": {}, **kwargs}
        if "credentials" not in options:
            device = options.get("device")
            options["credentials"] = self._get_credentials(
                **({"organization": device.organization} if device is not None else {})
            )
        if "device" not in options:
            organization = options["credentials"].organization or self._get_org()
            options["device"] = self._create_device(organization=organization, management_ip="127.0.0.1")
            self._create_config(device=options["device"])
        options.setdefault("update_strategy", settings.UPDATE_STRATEGIES[0][0])
        return stored(DeviceConnection(**options))
