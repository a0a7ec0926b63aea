"""Rows of the table of changes about VPN servers, their clients and their certificates."""

from __future__ import annotations

from ...pki.models import Ca, Cert
from .. import signals
from ..models import Cause, OrganizationConfigSettings, Template, Vpn, VpnClient
from . import changes
from . import vpn_steps as steps
from .dependents import OF_CERT, OF_CLIENT, OF_UNMARKED_CLIENT, OF_VPN
from .effects import Change, Compiles, Created, Edited, Event, Marks, Runs, Sends

SERVER_CHANGED = (Sends(signals.vpn_server_modified), Marks(OF_VPN, Cause.VPN), Runs(steps.compile_server))

ROWS = (
    Change("VPN server created", Created(Vpn), (Runs(steps.compile_server), Runs(steps.join_network))),
    Change(
        "VPN server edited", Edited(Vpn, *steps.VPN_FIELDS),
        (*SERVER_CHANGED, Runs(steps.update_network)),
    ),
    Change("VPN server got another CA", Edited(Vpn, "ca_id"), (Runs(steps.replace_client_certificates),)),
    Change("VPN server got a subnet", Edited(Vpn, "subnet_id"), (Runs(steps.provide_addresses),)),
    Change(
        "ZeroTier network renamed", Edited(Vpn, "name"), (*SERVER_CHANGED, Runs(steps.update_network)),
        only=steps.is_only_name_of_network,
    ),
    Change(
        "certificate, subnet or address of a VPN server became another one", Event(Vpn, "modified"),
        (*SERVER_CHANGED, Runs(steps.update_network)),
    ),
    Change(
        "webhook of a VPN server edited", Edited(Vpn, "webhook_endpoint", "auth_token"), (Runs(steps.call_webhook),)
    ),
    Change(
        "peers of a VPN server changed", Event(Vpn, "peers changed"),
        (Runs(steps.compile_server), Sends(signals.vpn_peers_changed, after_commit=True)),
    ),
    Change("VPN server about to be deleted", Event(Vpn, "deleted"), (Marks(OF_VPN, Cause.INPUTS, recheck=False),)),
    Change("VPN server gone", Event(Vpn, "gone"), (Runs(steps.give_back_server),)),
    Change("VPN server restored", Event(Vpn, "restored"), (Marks(OF_VPN, Cause.VPN), Runs(steps.compile_server))),
    Change(
        "VPN server asked for its checksum", Event(Vpn, "checksum requested"),
        (Sends(signals.checksum_requested, steps.request_of),),
    ),
    Change(
        "VPN server downloads its configuration", Event(Vpn, "download requested"),
        (Sends(signals.config_download_requested, steps.request_of),),
    ),
    Change(
        "server or provisioning of a VPN template edited", Edited(Template, "vpn_id", "auto_cert"),
        (Runs(steps.reconcile_users_of_template),),
    ),
    Change("VPN client created", Created(VpnClient), (Runs(steps.tell_server_of_new_client),)),
    Change(
        "VPN client stored by itself, not because of a template", Event(VpnClient, "stored by itself"),
        (Compiles(Cause.INPUTS),),
    ),
    Change(
        "certificate, keys or address of a VPN client changed", Edited(VpnClient, *VpnClient.observed_fields),
        (Compiles(Cause.INPUTS), Runs(steps.tell_server_of_client)),
    ),
    Change(
        "address of a VPN client edited", Event(VpnClient, "address edited"),
        (Compiles(Cause.INPUTS), Runs(steps.tell_server_of_address)),
    ),
    Change(
        "credentials of a VPN client made", Event(VpnClient, "credentials made"),
        (Marks(OF_UNMARKED_CLIENT, Cause.INPUTS, recheck=False), Runs(steps.compile_what_waited)),
    ),
    Change(
        "certificate of a VPN client deleted", Event(VpnClient, "certificate deleted"),
        (Marks(OF_CLIENT, Cause.INPUTS, recheck=False), Runs(steps.reconcile_client)),
    ),
    Change(
        "variables of an organization edited, seen by its VPN servers", Edited(OrganizationConfigSettings, "context"),
        (Runs(steps.compile_servers_of_organization),),
    ),
    Change(
        "settings of an organization created, seen by its VPN servers", Created(OrganizationConfigSettings),
        (Runs(steps.compile_servers_of_organization),),
    ),
    Change(
        "settings of an organization deleted, seen by its VPN servers", Event(OrganizationConfigSettings, "deleted"),
        (Runs(steps.compile_servers_of_organization),),
    ),
    Change(
        "settings of an organization restored, seen by its VPN servers", Event(OrganizationConfigSettings, "restored"),
        (Runs(steps.compile_servers_of_organization),),
    ),
    Change("certificate about to be renewed", Event(Cert, "renewing"), (Marks(OF_CERT, Cause.INPUTS, recheck=False),)),
    Change("certificate renewed", Event(Cert, "renewed"), (Runs(steps.modify_servers_with_certificate),)),
    Change("CA renewed", Event(Ca, "renewed"), (Runs(steps.compile_servers_of_ca),)),
)  # fmt: skip


def register() -> None:
    """Add the rows to the table; called once, when the app starts."""
    changes.register(*ROWS)
