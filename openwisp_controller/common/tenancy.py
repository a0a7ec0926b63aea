"""Which objects belong to which organization, and who may see them by name or use them."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q, QuerySet

#: Field by which a model belongs to an organization, and the way from there.
OWNERS = {
    "organization": "organization",
    "device": "device__organization",
    "subnet": "subnet__organization",
    "config": "config__device__organization",
    "content_object": "content_object__organization",
}

#: Relations by which something is made out of the object they lead to: a certificate is signed, an address taken, a
#: network divided. Only superusers make things out of shared objects by hand; what the controller does for devices
#: by itself (client certificates, addresses, generated subnets) is not concerned.
MADE_FROM = {
    ("pki.cert", "ca"),
    ("config.vpn", "ca"),
    ("config.vpn", "cert"),
    ("config.vpn", "subnet"),
    ("config.vpn", "ip"),
    ("openwisp_ipam.subnet", "master_subnet"),
    ("openwisp_ipam.ipaddress", "subnet"),
}


def owner_of(model: type[Model]) -> str | None:
    """Return the path from a model to the organization of its objects; None where they belong to none."""
    fields = {field.name for field in model._meta.concrete_fields}
    return next((path for name, path in OWNERS.items() if name in fields), None)


def managed_objects(user: Any, objects: QuerySet[Any], *, shared: bool) -> QuerySet[Any]:
    """Limit objects that belong to organizations to those that a person manages.

    Args:
        user: the person; superusers manage all organizations.
        objects: of a model that ``owner_of`` knows.
        shared: include objects that belong to no organization.
    """
    if user.is_superuser:
        return objects
    owner = str(owner_of(objects.model))
    managed = Q(**{f"{owner}__in": user.organizations_managed})
    return objects.filter(managed | Q(**{owner: None}) if shared else managed)


def is_made_from(model: type[Model], relation: str) -> bool:
    """Tell whether objects of a model are made out of the object that one of their relations leads to."""
    return (model._meta.label_lower, relation) in MADE_FROM
