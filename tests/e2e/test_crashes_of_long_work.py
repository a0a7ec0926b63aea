"""Killing workers in the middle of certificates, renewals, subnets, mass commands: all is done, and nothing twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from ..ssh import SshServers
from .deployment import Deployment, Services
from .processes import Process, running, wait_until
from .test_reaching import connect

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
CLIENTS = 50
#: Writes down whenever a certificate is issued or renewed; what is rolled back leaves no trace.
COUNT_CERTIFICATES = """
CREATE TABLE counted (cert bigint);
CREATE FUNCTION count_certificate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO counted VALUES (NEW.id);
    RETURN NEW;
END $$;
CREATE TRIGGER counted AFTER INSERT OR UPDATE OF certificate ON pki_cert
FOR EACH ROW EXECUTE FUNCTION count_certificate();
"""
SERVE = """
from openwisp_users.models import Organization
from tests import factories as make
organization = Organization.objects.get(slug="e2e")
make.vpn_template(make.vpn(organization, "OpenVpn"), required=True)
"""
RENEW = """
from openwisp_controller.pki.models import Ca
Ca.objects.get().renew()
"""
#: Certificates that are signed by the CA as it is, and are what the device may fetch.
CHECK_CERTIFICATES = """
import io, tarfile
from cryptography import x509
from openwisp_controller.config.models import VpnClient
clients = VpnClient.objects.select_related("cert__ca", "config__released")
assert len(clients) == {clients}
for client in clients:
    assert client.cert.issuer_serial == str(client.cert.ca.serial_number)
    x509.load_pem_x509_certificate(client.cert.certificate.encode()).verify_directly_issued_by(client.cert.ca.x509)
    archive = tarfile.open(fileobj=io.BytesIO(client.config.released.archive))
    files = [archive.extractfile(member).read().decode() for member in archive if member.isfile()]
    assert client.cert.certificate.strip() in [each.strip() for each in files], "the device gets another certificate"
"""
WAITING_CLIENTS = "SELECT count(*) FROM config_vpnclient WHERE cert_id IS NULL"
WITHOUT_CLIENT = """
SELECT count(*) FROM pki_cert WHERE id NOT IN (SELECT cert_id FROM config_vpnclient WHERE cert_id IS NOT NULL)
AND id NOT IN (SELECT cert_id FROM config_vpn)
"""
OUTDATED = """
SELECT count(*) FROM pki_cert AS cert JOIN pki_ca AS ca ON ca.id = cert.ca_id
WHERE issuer_serial <> ca.serial_number::text
"""
LEFT = """
SELECT (SELECT count(*) FROM config_config WHERE stale_since IS NOT NULL) + (SELECT count(*) FROM config_job)
     + (SELECT count(*) FROM config_staleserver) + (SELECT count(*) FROM config_outboxentry)
"""


def worker_of(deployed: Deployment) -> Process:
    return deployed.process("worker", "--concurrency", "1")


def counted(deployed: Deployment) -> Counter[int]:
    """How often each certificate was issued or renewed."""
    return Counter(cert for (cert,) in rows(deployed, "SELECT cert FROM counted"))


def rows(deployed: Deployment, statement: str) -> list[tuple[int, ...]]:
    with psycopg.connect(deployed.env["DATABASE_URL"]) as connection:
        return connection.execute(statement).fetchall()


def nothing_is_left(deployed: Deployment) -> bool:
    return deployed.query(LEFT) == (0,)


@pytest.fixture
def deployed(tmp_path: Path, services: Services, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A deployment with as many devices as the test says, whose signals are written down."""
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.e2e.witness.settings", "WITNESS_FILE": str(tmp_path / "signals"),
        "BATCH_CONCURRENCY": "8",
    }  # fmt: skip
    with services.deployed(tmp_path, request.param, **settings) as result:
        yield result


@pytest.mark.parametrize("deployed", [CLIENTS], indirect=True)
def test_a_worker_killed_in_the_middle_of_certificates(deployed: Deployment) -> None:
    deployed.execute(COUNT_CERTIFICATES)
    worker, second, third = (worker_of(deployed) for _ in range(3))
    with running(worker, second, third, deployed.process("scheduler")):
        second.stop()
        third.stop()
        with deployed.held("INSERT", "pki_cert", "(SELECT count(*) FROM pki_cert) >= 20") as wait_for_the_middle:
            deployed.shell(SERVE)
            wait_for_the_middle()
            worker.stop(signal.SIGKILL)
        assert 0 < deployed.query(WAITING_CLIENTS)[0] < CLIENTS
        second.start()
        wait_until(lambda: deployed.query(WAITING_CLIENTS) == (0,), "that every client has a certificate")
        wait_until(lambda: nothing_is_left(deployed), "that nothing is left")
        assert set(counted(deployed).values()) == {1}
        assert len(counted(deployed)) == CLIENTS + 1
        assert deployed.query(WITHOUT_CLIENT) == (0,)
        deployed.shell(CHECK_CERTIFICATES.format(clients=CLIENTS))

        with deployed.held("UPDATE", "pki_cert", f"({OUTDATED}) <= {CLIENTS - 19}") as wait_for_the_middle:
            deployed.shell(RENEW)
            wait_for_the_middle()
            second.stop(signal.SIGKILL)
        assert 0 < deployed.query(OUTDATED)[0] < CLIENTS
        third.start()
        wait_until(lambda: deployed.query(OUTDATED) == (0,), "that every certificate is renewed")
        wait_until(lambda: nothing_is_left(deployed), "that nothing is left")
        assert set(counted(deployed).values()) == {2}, "a certificate was renewed twice, or not at all"
        assert len(counted(deployed)) == CLIENTS + 1
        deployed.shell(CHECK_CERTIFICATES.format(clients=CLIENTS))


DIVIDED = 500
DIVIDE = """
from openwisp_users.models import Organization
from tests import factories as make
make.division_rule(make.subnet(Organization.objects.get(slug="e2e"), "10.0.0.0/16"))
"""
#: The second chunk of 200 devices, two subnets each, is being stored.
SECOND_CHUNK = "(SELECT count(*) FROM subnet_division_subnetdivisionindex) > 1300"
INDEXED = """
SELECT config_id, count(*) FILTER (WHERE ip_id IS NULL), count(*) FILTER (WHERE ip_id IS NOT NULL)
FROM subnet_division_subnetdivisionindex GROUP BY config_id
"""


@pytest.mark.parametrize("deployed", [DIVIDED], indirect=True)
def test_a_worker_killed_in_the_middle_of_subnets(deployed: Deployment) -> None:
    worker, successor = worker_of(deployed), worker_of(deployed)
    with running(worker, successor, deployed.process("scheduler")):
        successor.stop()
        with deployed.held("INSERT", "subnet_division_subnetdivisionindex", SECOND_CHUNK) as wait_for_second_chunk:
            deployed.shell(DIVIDE)
            wait_for_second_chunk()
            worker.stop(signal.SIGKILL)
        assert len(rows(deployed, INDEXED)) == 200, "one chunk was committed"
        successor.start()
        wait_until(lambda: len(rows(deployed, INDEXED)) == DIVIDED, "that every device has subnets")
        wait_until(lambda: nothing_is_left(deployed), "that nothing is left")
    assert {(subnets, ips) for _config, subnets, ips in rows(deployed, INDEXED)} == {(2, 4)}
    check_subnets(deployed)
    lines = Path(deployed.env["WITNESS_FILE"]).read_text().splitlines()
    announced = Counter(line for line in lines if line.startswith("subnet_provisioned"))
    assert len(announced) == DIVIDED
    assert set(announced.values()) == {1}


def check_subnets(deployed: Deployment) -> None:
    """Generated subnets do not overlap, and each, like each address, belongs to somebody."""
    with psycopg.connect(deployed.env["DATABASE_URL"]) as connection:
        found = connection.execute(
            "SELECT subnet.subnet, index.config_id FROM openwisp_ipam_subnet AS subnet"
            " LEFT JOIN subnet_division_subnetdivisionindex AS index ON index.subnet_id = subnet.id AND ip_id IS NULL"
            " WHERE subnet.master_subnet_id IS NOT NULL"
        ).fetchall()
    networks = sorted(ip_network(str(subnet)) for subnet, _config in found)
    assert not any(first.overlaps(second) for first, second in pairwise(networks))
    unused = [subnet for subnet, config in found if config is None]
    assert len(unused) <= 1, "the reserved one is nobody's"
    assert len(networks) - len(unused) == 2 * DIVIDED
    assert deployed.query("SELECT count(*) FROM openwisp_ipam_ipaddress") == (4 * DIVIDED,)


TARGETS = 24
RUN = """
from openwisp_users.models import Organization
from openwisp_controller.connection import batches
from openwisp_controller.connection.models import BatchCommand
batch = BatchCommand(
    organization=Organization.objects.get(slug="e2e"), type="custom", input={"command": "echo once"}, label="all",
)
batch.full_clean()
batches.execute(batch, batches.targets(batch))
"""
STATES = """
SELECT count(*) FILTER (WHERE status = 'success'), count(*) FILTER (WHERE status = 'failed'),
       count(*) FILTER (WHERE started IS NULL), count(DISTINCT device_id), count(*)
FROM connection_command
"""
BATCH_ENDED = "SELECT count(*) FROM connection_batchcommand WHERE status = 'failed'"


@pytest.mark.parametrize("deployed", [TARGETS], indirect=True)
def test_workers_killed_in_the_middle_of_a_mass_command(deployed: Deployment, ssh: SshServers) -> None:
    faces = connect(deployed, ssh, TARGETS)
    for face in faces[::2]:
        face.fault = SshFault.STUCK
    worker, second, third = (worker_of(deployed) for _ in range(3))
    with running(worker, second, third, deployed.process("scheduler")):
        second.stop()
        third.stop()
        with deployed.held("INSERT", "connection_command", "true") as wait_for_commands:
            deployed.shell(RUN)
            wait_for_commands()
            worker.stop(signal.SIGKILL)
        assert deployed.query(STATES)[4] == 0
        second.start()
        wait_until(lambda: stuck(faces) == 8, "that as many commands as may run at once are stuck")
        wait_until(lambda: deployed.query(STATES)[0] == started(faces) - 8, "that the others have ended")
        second.stop(signal.SIGKILL)
        in_the_middle = deployed.query(STATES)
        for face in faces:
            face.fault = None
        assert in_the_middle[2] >= TARGETS // 2 - 8, "some were not sent yet"
        deployed.let_claims_lapse()
        third.start()
        wait_until(lambda: deployed.query(BATCH_ENDED) == (1,), "the end of the mass command")
    assert [face.commands for face in faces] == [["echo once"]] * TARGETS, "a command was lost, or sent twice"
    assert deployed.query(STATES) == (TARGETS - 8, 8, 0, TARGETS, TARGETS)


def stuck(faces: list[DeviceSshServer]) -> int:
    return sum(bool(face.commands) for face in faces[::2])


def started(faces: list[DeviceSshServer]) -> int:
    return sum(bool(face.commands) for face in faces)


IMPORTED = 300
SEND_FILE = """
from openwisp_users.models import User
from openwisp_controller.config import imports
from openwisp_controller.config.exchange.files import Table
from openwisp_controller.config.exportable import DeviceResource
user = User.objects.create_superuser("importer", "importer@example.org", "password")
rows = [
    [f"imported-{{n}}", f"06:00:00:00:{{n // 256:02X}}:{{n % 256:02X}}", "e2e", "netjsonconfig.OpenWrt"]
    for n in range({rows})
]
table = Table(["name", "mac_address", "organization", "config_backend"], rows)
imports.receive(user, "devices.csv", table, DeviceResource)
"""
CONFIRM = """
from openwisp_controller.config import imports
from openwisp_controller.config.models import DeviceImport
imports.confirm(DeviceImport.objects.get())
"""
IMPORT_STATE = "SELECT count(*) FROM config_deviceimport WHERE state = '{}'"
COMPILED = "SELECT count(*) FROM config_config WHERE released_id IS NOT NULL"


@pytest.mark.parametrize("deployed", [5], indirect=True)
def test_a_worker_killed_in_the_middle_of_an_import(deployed: Deployment) -> None:
    worker, successor = worker_of(deployed), worker_of(deployed)
    with running(worker, successor, deployed.process("scheduler")):
        successor.stop()
        deployed.shell(SEND_FILE.format(rows=IMPORTED))
        wait_until(lambda: deployed.query(IMPORT_STATE.format("checked")) == (1,), "that the file is checked")
        assert deployed.query(COMPILED) == (5,)
        with deployed.held("INSERT", "config_config", "(SELECT count(*) FROM config_config) >= 100") as wait_for_middle:
            deployed.shell(CONFIRM)
            wait_for_middle()
            worker.stop(signal.SIGKILL)
        assert deployed.query("SELECT count(*) FROM config_device") == (5,), "part of a file was imported"
        successor.start()
        wait_until(lambda: deployed.query(IMPORT_STATE.format("done")) == (1,), "that the file is imported")
        wait_until(lambda: nothing_is_left(deployed), "that nothing is left")
    assert deployed.query(COMPILED) == (5 + IMPORTED,)
