"""WebSockets of live updates: permissions, groups, messages."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django_loci.channels.base import BaseLocationBroadcast

from .. import live
from ..models import Location


class _Watch(BaseLocationBroadcast):
    """Sends locations to people who may see them; messages of clients are ignored."""

    model = Location
    _groups: tuple[str, ...] = ()

    def connect(self) -> None:
        user = self.scope.get("user")
        groups = self.groups_of(user) if user is not None and self.is_authorized(user, None) else None
        if groups is None:
            self.close()
            return
        self._groups = groups
        for group in groups:
            async_to_sync(self.channel_layer.group_add)(group, self.channel_name)
        self.accept()

    def groups_of(self, user: Any) -> tuple[str, ...] | None:
        """Return the groups whose messages a person gets; None = none, and nothing else either."""
        raise NotImplementedError

    def disconnect(self, close_code: int) -> None:
        for group in self._groups:
            async_to_sync(self.channel_layer.group_discard)(group, self.channel_name)

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Ignore it."""


class LocationBroadcast(_Watch):
    """One location."""

    def groups_of(self, user: Any) -> tuple[str, ...] | None:
        locations = Location.objects.filter(pk=self.scope["url_route"]["kwargs"]["pk"])
        if not user.is_superuser:
            locations = locations.filter(organization__in=user.organizations_managed)
        location = locations.only("pk", "type").first()
        return None if location is None else (live.location_group(location.pk),)


class CommonLocationBroadcast(_Watch):
    """All locations of the organizations that a person manages."""

    def groups_of(self, user: Any) -> tuple[str, ...] | None:
        if user.is_superuser:
            return (live.EVERYTHING,)
        return tuple(map(live.organization_group, user.organizations_managed))
