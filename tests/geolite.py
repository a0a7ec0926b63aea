"""A real HTTPS server that plays the service which is asked about addresses."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACCOUNT, KEY = "123456", "licence-key-of-the-test"
#: Two public addresses, and one of version 6.
ADDRESS, OTHER, SIX = "8.8.8.8", "1.1.1.1", "2001:4860:4860::8888"
ROME = {
    "city": {"names": {"en": "Rome", "de": "Rom"}},
    "country": {"names": {"en": "Italy"}, "iso_code": "IT"},
    "continent": {"names": {"en": "Europe"}, "code": "EU"},
    "postal": {"code": "00100"},
    "location": {"latitude": 41.9, "longitude": 12.5, "time_zone": "Europe/Rome"},
    "traits": {
        "autonomous_system_organization": "Example ISP", "autonomous_system_number": 64500, "network": "8.8.8.0/24",
    },
}  # fmt: skip
Answer = tuple[int, Any]


def refusal(code: str) -> dict[str, str]:
    """Return the body of an answer that refuses."""
    return {"code": code, "error": f"The service says {code}."}


#: What the service refuses, by code: status and body.
NOT_FOUND: Answer = (404, refusal("IP_ADDRESS_NOT_FOUND"))
WRONG_KEY: Answer = (401, refusal("AUTHORIZATION_INVALID"))
NO_QUERIES: Answer = (402, refusal("OUT_OF_QUERIES"))
NO_PERMISSION: Answer = (403, refusal("PERMISSION_REQUIRED"))


@dataclass
class Geolite:
    """Answers by ``answer`` (address → status, body) and remembers what was asked."""

    host: str
    answer: Callable[[str], Answer] = lambda address: (200, ROME)
    asked: list[str] = field(default_factory=list)
    """The addresses, in order."""
    accounts: list[str] = field(default_factory=list)
    """Who asked: ``account:key``."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Answers are held back until it is set."""

    def answers(self, *answers: Answer) -> None:
        """Give these answers one after the other, the last of them again and again."""
        left = list(answers)
        self.answer = lambda address: left.pop(0) if len(left) > 1 else left[0]


class _Handler(BaseHTTPRequestHandler):
    geolite: Geolite

    def do_GET(self) -> None:
        kind, _, address = self.path.removeprefix("/geoip/v2.1/").partition("/")
        assert kind == "city", self.path
        self.geolite.asked.append(address)
        credentials = self.headers["Authorization"].removeprefix("Basic ")
        self.geolite.accounts.append(base64.b64decode(credentials).decode())
        self.geolite.gate.wait()
        status, answer = self.geolite.answer(address)
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, *arguments: Any) -> None:
        """Clients of some tests hang up."""


def make_certificate(directory: Path) -> Path:
    """Write a certificate for the loopback address with its key into one file, which is also that to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "geolite of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(loopback, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "geolite.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextmanager
def serve(certificate: Path) -> Iterator[Geolite]:
    """Run the service at a free port while open."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handler = type("Handler", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        geolite = handler.geolite = Geolite(f"127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
        geolite.gate.set()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield geolite
        finally:
            geolite.gate.set()
            server.shutdown()
            thread.join()
