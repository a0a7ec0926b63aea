"""Earlier versions of what people edit: who may see and restore them in the administration."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import reversion
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.views.decorators.http import require_POST
from openwisp_users.models import Organization
from reversion.admin import VersionAdmin
from reversion.errors import RevertError
from reversion.models import Version

from . import first_versions, version_changes
from .simultaneous_edits import SimultaneousEdits
from .tenancy import owner_of
from .tenant_pages import TenantPages

_SHOWN = 50
"""Versions that a page tells the changes of."""


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
        self._restorable(request, object_id, version_id)
        with transaction.atomic():
            response = super().revision_view(request, object_id, version_id, *args)
            if request.method == "POST" and self.get_object(request, unquote(object_id)) is None:
                raise PermissionDenied  # and undo it: restored, the object would be somebody else's
            return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """List the earlier versions of an object that the person may see, with what each changed."""
        current = self.get_object(request, unquote(object_id))
        if not request.user.is_superuser and (
            current is None or not self.has_view_or_change_permission(request, current)
        ):
            raise PermissionDenied
        may_return = current is not None and self.has_change_permission(request, current)
        context = {"versions": self._told_versions(current) if may_return else [], **(extra_context or {})}
        return super().history_view(request, object_id, context)

    def _told_versions(self, instance: Any) -> list[dict[str, Any]]:
        found = Version.objects.get_for_object(instance).select_related("revision__user")
        versions = list(found.prefetch_related("revision__version_set")[: _SHOWN + 1])
        before = version_changes.earlier_versions(versions)
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return [
            {
                "version": version,
                "changes": version_changes.changes(version, before[version.pk]),
                "is_current": number == 0,
                "look": reverse(f"{name}_revision", args=[quote(version.object_id), version.pk]),
                "return": reverse(f"{name}_return", args=[quote(version.object_id), version.pk]),
            }
            for number, version in enumerate(versions[:_SHOWN])
        ]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.return_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_return"
        return [path("<path:object_id>/history/<int:version_id>/return/", view, name=name), *super().get_urls()]

    def return_view(self, request: HttpRequest, object_id: str, version_id: int) -> HttpResponse:
        """Restore an earlier version at once; one that would not be accepted by now is told and left."""
        version = self._restorable(request, object_id, version_id)
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_history", args=[object_id])
        try:
            with self.as_one_change(), transaction.atomic(), self.create_revision(request):
                version.revision.revert(delete=True)
                current = self.get_object(request, unquote(object_id))
                if current is None:
                    raise PermissionDenied  # and undo it: restored, the object would be somebody else's
                self.check_restored(current)
                reversion.add_to_revision(current)
                when = date_format(localtime(version.revision.date_created), "Y-m-d H:i:s")
                reversion.set_comment(gettext("Returned to the version of %s") % when)
        except (RevertError, IntegrityError):
            text = gettext(
                "Nothing was restored, for it contradicts what is stored by now, such as a name that is taken."
            )
            self.message_user(request, text, messages.ERROR)
        except ProtectedError as error:
            self.message_user(request, gettext("Nothing was restored: %s") % error, messages.ERROR)
        except ValidationError as error:
            text = gettext("Nothing was restored, for this version is not accepted any more: %s")
            self.message_user(request, text % " ".join(error.messages), messages.ERROR)
        else:
            self.message_user(request, gettext("The version of %s was restored.") % when, messages.SUCCESS)
        return HttpResponseRedirect(page)

    def as_one_change(self) -> AbstractContextManager[Any]:
        """Return what makes one change of all that is restored."""
        return nullcontext()

    def check_restored(self, instance: Any) -> None:
        """Check what was restored like what is saved; raise ``ValidationError``."""
        instance.full_clean()

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Keep what was there before the first edit, too."""
        if request.method == "POST":
            self._keep_first(request, unquote(object_id))
        return super().change_view(request, object_id, *args, **kwargs)

    def _keep_first(self, request: HttpRequest, key: str) -> None:
        instance = self.get_object(request, key)
        if instance is not None and self.has_change_permission(request, instance):
            first_versions.keep(instance)

    def _restorable(self, request: HttpRequest, object_id: str, version_id: Any) -> Version:
        """Return a version that the person may restore, with all that was stored together with it."""
        version = self._own_version(version_id, object_id=unquote(object_id))
        current = self.get_object(request, unquote(object_id))
        if current is None or not self.has_change_permission(request, current):
            raise PermissionDenied
        if not all(_is_managed(request, other) for other in version.revision.version_set.all()):
            raise PermissionDenied
        return version

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
    try:
        then = [version.field_dict.get("organization_id")] if owner == "organization" else []
    except RevertError:
        then = [] if now else [None]  # it cannot be restored; of an object that is there, its people are told so
    return all(str(organization) in managed for organization in (*now, *then))
