"""WebSockets of live updates: permissions, groups, messages."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from asgiref.sync import async_to_sync
from channels.generic.websocket import WebsocketConsumer

from ...config.models import Device
from .. import live
from ..models import BatchCommand


class WatchConsumer(WebsocketConsumer):
    """Sends the live updates of one object to people who may see it; messages of clients are ignored."""

    permissions: ClassVar[tuple[str, ...]] = ()
    group = ""

    def connect(self) -> None:
        if not self.is_allowed(self.scope.get("user"), self.scope["url_route"]["kwargs"]["pk"]):
            self.close()
            return
        self.group = self.group_of(self.scope["url_route"]["kwargs"]["pk"])
        async_to_sync(self.channel_layer.group_add)(self.group, self.channel_name)
        self.accept()

    def disconnect(self, code: int) -> None:
        if self.group:
            async_to_sync(self.channel_layer.group_discard)(self.group, self.channel_name)

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore it."""

    def send_update(self, event: dict[str, Any]) -> None:
        """Pass a message on."""
        self.send(json.dumps({name: value for name, value in event.items() if name != "type"}))

    def is_allowed(self, user: Any, pk: Any) -> bool:
        """Tell whether a person may subscribe: the object exists, in an organization that they manage."""
        if user is None or not user.is_authenticated:
            return False
        organization = self.organization_of(pk)
        if organization is _MISSING:
            return False
        if user.is_superuser:
            return True
        managed = {str(key) for key in user.organizations_managed}
        return bool(user.is_staff and user.has_perms(self.permissions) and str(organization) in managed)

    def organization_of(self, pk: Any) -> Any:
        raise NotImplementedError

    def group_of(self, pk: Any) -> str:
        raise NotImplementedError


_MISSING = object()


class CommandConsumer(WatchConsumer):
    """Commands of a device."""

    permissions = ("connection.view_command",)

    def organization_of(self, pk: Any) -> Any:
        row = Device.objects.filter(pk=pk).values_list("organization_id", flat=True)
        return row[0] if row else _MISSING

    def group_of(self, pk: Any) -> str:
        return live.device_group(pk)


class BatchCommandConsumer(WatchConsumer):
    """The state of a mass command."""

    permissions = ("connection.view_batchcommand",)

    def organization_of(self, pk: Any) -> Any:
        row = BatchCommand.objects.filter(pk=pk).values_list("organization_id", flat=True)
        return row[0] if row else _MISSING

    def group_of(self, pk: Any) -> str:
        return live.batch_group(pk)
