"""The library's pages of people, groups, members and owners; their earlier versions are guarded."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from openwisp_users.admin import GroupAdmin as BaseGroupAdmin
from openwisp_users.admin import OrganizationOwnerAdmin as BaseOrganizationOwnerAdmin
from openwisp_users.admin import OrganizationUserAdmin as BaseOrganizationUserAdmin
from openwisp_users.admin import UserAdmin as BaseUserAdmin
from openwisp_users.models import Group, OrganizationOwner, OrganizationUser, User

from ...common.versions import GuardedVersions


class UserAdmin(GuardedVersions, BaseUserAdmin):  # type: ignore[misc]
    pass


class GroupAdmin(GuardedVersions, BaseGroupAdmin):  # type: ignore[misc]
    pass


class OrganizationUserAdmin(GuardedVersions, BaseOrganizationUserAdmin):
    """Members are chosen by name: a field for numbers would show the name of whoever has that number."""

    raw_id_fields = ()
    autocomplete_fields = ("user", "organization")


class OrganizationOwnerForm(forms.ModelForm):
    def _post_clean(self) -> None:
        """Leave the rules of the model out where a field is missing, for they take both for granted."""
        if not self.errors:
            super()._post_clean()  # type: ignore[misc]


class OrganizationOwnerAdmin(GuardedVersions, BaseOrganizationOwnerAdmin):
    form = OrganizationOwnerForm


for _model, _page in (
    (User, UserAdmin),
    (Group, GroupAdmin),
    (OrganizationUser, OrganizationUserAdmin),
    (OrganizationOwner, OrganizationOwnerAdmin),
):
    if admin.site.is_registered(_model):  # the library has settings that leave some of them out
        admin.site.unregister(_model)
        admin.site.register(_model, _page)
