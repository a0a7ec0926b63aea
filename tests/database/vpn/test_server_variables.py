"""Variables in the configurations of VPN servers."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.config import maintenance
from openwisp_controller.rendering import list_files

from ... import factories as make

pytestmark = pytest.mark.django_db


def test_variables_of_the_organization_reach_its_servers() -> None:
    organization = make.organization(context={"server_port": "1195", "ca": "not this one"})
    files = [{"path": "ca.pem", "mode": "0644", "contents": "{{ ca }}"}]
    config = {"openvpn": [{**make.OPENVPN["openvpn"][0], "port": "{{ server_port }}"}], "files": files}
    server = make.vpn(organization, "OpenVpn", config=config)
    other = make.vpn(None, "OpenVpn")
    maintenance.reconcile()
    assert "port 1195" in server_text(server)
    assert server.ca is not None
    assert server.ca.certificate.strip() in server_text(server), "what belongs to the server wins"
    settings = organization.config_settings
    settings.context = {"server_port": "1196"}
    settings.save()
    maintenance.reconcile()
    assert "port 1196" in server_text(server)
    assert "port 119" not in server_text(other)


def server_text(server: Any) -> str:
    server.refresh_from_db()
    return "".join(file.contents for file in list_files(bytes(server.released.archive)))
