"""The named steps of the rows about VPN servers. Each docstring stands in the reference."""

from __future__ import annotations

from typing import Any

from ...common.wakeup import wake
from ..delivery import jobs
from ..models import Job, Vpn
from ..unit_of_work import Happened, Observation, Saved, UnitOfWork
from ..vpn import clients, peers, provisioning, servers, webhook, zerotier

#: What of a VPN server makes a difference to it and to its clients.
VPN_FIELDS = (
    "config", "host", "ca_id", "cert_id", "key", "backend", "subnet_id", "ip_id", "dh", "public_key", "private_key",
    "network_id",
)  # fmt: skip


def is_only_name_of_network(edited: Saved) -> bool:
    """A ZeroTier server got another name, and nothing else that makes a difference."""
    vpn: Any = edited.subject
    return bool(vpn.kind.zerotier) and not edited.before.keys() & set(VPN_FIELDS)


def request_of(requested: Happened) -> dict[str, Any]:
    """Return the arguments of signals about requests of servers."""
    return {"request": requested.facts["request"]}


def compile_server(unit: UnitOfWork, observation: Observation) -> None:
    """Marks the server for compiling in the background."""
    servers.mark_stale([observation.subject.pk])


def compile_servers_of_organization(unit: UnitOfWork, observation: Observation) -> None:
    """Marks the VPN servers of the organization for compiling in the background."""
    settings: Any = observation.subject
    servers.mark_stale(Vpn.objects.filter(organization=settings.organization_id).values_list("pk", flat=True))


def join_network(unit: UnitOfWork, created: Saved) -> None:
    """Schedules the call by which a ZeroTier controller joins the network of the server."""
    vpn: Any = created.subject
    zerotier.server_created(vpn)


def update_network(unit: UnitOfWork, observation: Observation) -> None:
    """Schedules the call that tells a ZeroTier controller of the change."""
    vpn: Any = observation.subject
    is_new = isinstance(observation, Saved) and "network_id" in observation.before
    zerotier.server_changed(vpn, network_is_new=is_new)


def replace_client_certificates(unit: UnitOfWork, edited: Saved) -> None:
    """Revokes the certificates of all clients; new ones are made in the background."""
    vpn: Any = edited.subject
    clients.issue_again(vpn)


def provide_addresses(unit: UnitOfWork, edited: Saved) -> None:
    """Enqueues giving addresses of the subnet to all clients."""
    vpn: Any = edited.subject
    if vpn.subnet_id is not None:
        for template in vpn.template_set.values_list("pk", flat=True):
            jobs.enqueue(Job.Kind.VPN_TEMPLATE, template)


def call_webhook(unit: UnitOfWork, edited: Saved) -> None:
    """Schedules a call of the webhook."""
    vpn: Any = edited.subject
    webhook.schedule(vpn)


def give_back_server(unit: UnitOfWork, gone: Happened) -> None:
    """Revokes the certificate, frees the address, and schedules the deletion of the ZeroTier network."""
    vpn: Any = gone.subject
    provisioning.give_back(vpn)


def reconcile_users_of_template(unit: UnitOfWork, edited: Saved) -> None:
    """Enqueues letting the VPN clients of all devices follow the template."""
    jobs.enqueue(Job.Kind.VPN_TEMPLATE, edited.subject.pk)


def tell_server_of_new_client(unit: UnitOfWork, created: Saved) -> None:
    """Lets the server know its new client: peers, membership; asks for credentials that are still to be made."""
    client: Any = created.subject
    clients.tell_server_of_new(unit, client)


def tell_server_of_client(unit: UnitOfWork, edited: Saved) -> None:
    """Lets the server know what changed of its client: peers, membership."""
    client: Any = edited.subject
    if client.auto_cert:
        zerotier.member_changed(client)
    if edited.before.keys() & {"ip_id", "public_key", "vni", "auto_cert"}:
        peers.changed([client.vpn])


def tell_server_of_address(unit: UnitOfWork, edited: Happened) -> None:
    """Lets the server know the new address of its client: peers, membership."""
    client: Any = edited.subject
    if client.auto_cert:
        zerotier.member_changed(client)
        peers.changed([client.vpn])


def compile_what_waited(unit: UnitOfWork, made: Happened) -> None:
    """Wakes workers to compile configurations that waited for credentials."""
    wake("config.compile_stale")


def reconcile_client(unit: UnitOfWork, deleted: Happened) -> None:
    """Lets the VPN clients of the configuration follow its templates: it gets another certificate."""
    client: Any = deleted.subject
    unit.of(clients.ClientsToReconcile).add(client.config_id)


def modify_servers_with_certificate(unit: UnitOfWork, renewed: Happened) -> None:
    """Reports each server with that certificate as modified."""
    for vpn in Vpn.objects.filter(cert=renewed.subject.pk):
        unit.happened(vpn, "modified", detail=f'certificate of VPN server "{vpn.name}" renewed')


def compile_servers_of_ca(unit: UnitOfWork, renewed: Happened) -> None:
    """Marks the servers of the CA for compiling in the background."""
    ca: Any = renewed.subject
    servers.mark_stale(ca.vpn_set.values_list("pk", flat=True))
