"""Earlier versions of what people edit: who may see and restore them in the administration."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from openwisp_users.models import Organization
from reversion.admin import VersionAdmin
from reversion.models import Version

from .simultaneous_edits import SimultaneousEdits
from .tenancy import owner_of
from .tenant_pages import TenantPages


class GuardedVersions(SimultaneousEdits, TenantPages, VersionAdmin):
    """Earlier versions within the organizations that a person manages; deleted objects are for superusers.

    A version is shown and restored on the page of its own model only, and only if the person may change all that is
    restored with it. Refused tries name nothing, and leave nothing behind.
    """

    history_latest_first = True

    def recoverlist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self._superusers_only(request)
        return super().recoverlist_view(request, *args, **kwargs)

    def recover_view(self, request: HttpRequest, version_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a deleted object and bring it back."""
        self._superusers_only(request)
        self._own_version(version_id)
        return super().recover_view(request, version_id, *args, **kwargs)

    def revision_view(self, request: HttpRequest, object_id: str, version_id: str, *args: Any) -> HttpResponse:
        """Show an earlier version and restore it."""
        version = self._own_version(version_id, object_id=unquote(object_id))
        current = self.get_object(request, unquote(object_id))
        if current is None or not self.has_change_permission(request, current):
            raise PermissionDenied
        if not all(_is_managed(request, other) for other in version.revision.version_set.all()):
            raise PermissionDenied
        with transaction.atomic():
            response = super().revision_view(request, object_id, version_id, *args)
            if request.method == "POST" and self.get_object(request, unquote(object_id)) is None:
                raise PermissionDenied  # and undo it: restored, the object would be somebody else's
            return response

    def history_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """List the earlier versions of an object that the person may see."""
        current = self.get_object(request, unquote(object_id))
        if not request.user.is_superuser and (
            current is None or not self.has_view_or_change_permission(request, current)
        ):
            raise PermissionDenied
        return super().history_view(request, object_id, *args, **kwargs)

    def _own_version(self, version_id: str, **which: Any) -> Version:
        """Return a version of this page's model; numbers of others' versions lead nowhere."""
        version = get_object_or_404(Version, pk=version_id, **which)
        if version._model is not self.model:
            raise Http404
        return version

    def _superusers_only(self, request: HttpRequest) -> None:
        """Deleted objects of all organizations stand in one list."""
        if not request.user.is_superuser:
            raise PermissionDenied


def _is_managed(request: HttpRequest, version: Version) -> bool:
    """Tell whether a person manages the organizations that an object belonged to in a version and belongs to now.

    Restoring a version restores all that was saved together with it.
    """
    user: Any = request.user
    if user.is_superuser:
        return True
    managed = {str(key) for key in user.organizations_managed}
    if version._model is Organization:
        return version.object_id in managed
    owner = owner_of(version._model)
    if owner is None:
        return False
    now = version._model._base_manager.filter(pk=version.object_id).values_list(owner, flat=True)
    then = [version.field_dict.get("organization_id")] if owner == "organization" else []
    return all(str(organization) in managed for organization in (*now, *then))
