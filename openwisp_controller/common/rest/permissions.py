"""Who may do what: a manager of an organization, with the permission on the model, with objects of the organization."""

from __future__ import annotations

from typing import Any

from openwisp_users.api.permissions import DjangoModelPermissions
from rest_framework.permissions import SAFE_METHODS

#: Which permission on the model a method needs, where the view names no other.
_NEEDED = {"POST": "add", "PUT": "change", "PATCH": "change", "DELETE": "delete"}


def may(user: Any, action: str, model: Any) -> bool:
    """Tell whether a person has the permission ``add``, ``change``, ``delete`` or ``view`` on a model.

    Whoever may change something may see it.
    """
    names = ("view", "change") if action == "view" else (action,)
    return any(user.has_perm(f"{model._meta.app_label}.{name}_{model._meta.model_name}") for name in names)


def may_see_secrets(user: Any, instance: Any) -> bool:
    """Tell whether a person may see the secrets of an object: who may change it, and shared ones superusers alone."""
    if user.is_superuser:
        return True
    return instance.organization_id is not None and may(user, "change", type(instance))


class ModelPermissions(DjangoModelPermissions):
    """Permissions on the model of a view; shared objects can be read by whoever may read the list.

    A view that works on another model than the one it is about names that in ``permission_model``. One whose POST does
    something to an object that is there says in ``post_permission`` which permission that needs.
    """

    def has_permission(self, request: Any, view: Any) -> bool:
        user = request.user
        if not user or not user.is_authenticated:
            return False
        if request.method == "OPTIONS":
            return True
        model = getattr(view, "permission_model", None) or self._queryset(view).model
        return may(user, _needed(request, view), model)

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        if request.user.is_superuser or request.method in SAFE_METHODS:
            return True
        try:
            return self.get_object_organization(view, obj) is not None
        except AttributeError:
            return True


def _needed(request: Any, view: Any) -> str:
    if request.method == "POST":
        return str(getattr(view, "post_permission", "add"))
    return _NEEDED.get(request.method, "view")
