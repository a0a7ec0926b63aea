"""Bad input is answered clearly and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection

from openwisp_controller.config.models import Config, Device, DeviceGroup, OrganizationConfigSettings, Template

from .. import factories as make
from .protocol import HEADER, download, enrolment, files, path, poll, register

pytestmark = pytest.mark.django_db
MEBIBYTE = 1024 * 1024


@pytest.fixture
def admin(client: Any) -> Any:
    client.force_login(get_user_model().objects.create_superuser("admin", "admin@example.org", "x"))
    return client


class TestConfigurations:
    @pytest.mark.parametrize("value", [[1], "text", 5, True])
    @pytest.mark.parametrize("field", ["config", "context"])
    def test_wrong_types(self, organization: Any, field: str, value: Any) -> None:
        config = Config(device=make.device(organization), backend=make.BACKEND, **{field: value})
        with pytest.raises(ValidationError) as error:
            config.full_clean()
        expected = (
            "Unexpected configuration format." if field == "config" else "the supplied value is not a JSON object"
        )
        assert error.value.message_dict == {field: [expected]}

    def test_unknown_backend(self, organization: Any) -> None:
        config = Config(device=make.device(organization), backend="nowhere.Backend")
        with pytest.raises(ValidationError) as error:
            config.full_clean()
        messages = error.value.message_dict["backend"]
        assert messages[0] == "Value 'nowhere.Backend' is not a valid choice."
        assert messages[1].startswith('Error while importing "nowhere.Backend": ')

    @pytest.mark.parametrize("factory", [make.group, make.organization])
    def test_variables_of_groups_and_organizations(self, organization: Any, factory: Any) -> None:
        subject: Any = (
            DeviceGroup(organization=organization, name="g", context=[1])
            if factory is make.group
            else OrganizationConfigSettings(organization=organization, context=[1])
        )
        with pytest.raises(ValidationError) as error:
            subject.full_clean()
        assert error.value.message_dict["context"] == ["the supplied value is not a JSON object"]

    def test_variables_that_refer_to_each_other(self, organization: Any) -> None:
        config = make.config(
            organization,
            config={"general": {"description": "{{ a }}"}},
            context={"a": "{{ b }}", "b": "{{ a }}"},
        )
        assert "option description '{{ b }}'" in config.render()

    def test_variables_that_explode(self, organization: Any) -> None:
        text = "{{ a }}" * 2000
        config = Config(
            device=make.device(organization),
            backend=make.BACKEND,
            config={"files": [{"path": "/a", "mode": "0644", "contents": text}]},
            context={"a": "x" * 10_000},
        )
        with pytest.raises(ValidationError, match="a"):
            config.full_clean()
        config.save()
        assert config.status == "error"
        assert "a" in config.compile_error

    def test_five_megabytes(self, organization: Any, client: Any) -> None:
        contents = "0123456789abcdef" * (5 * MEBIBYTE // 16)
        config = make.config(organization, config={"files": [{"path": "/big", "mode": "0644", "contents": contents}]})
        assert files(download(client, config.device).content)["big"] == contents

    def test_two_hundred_templates(self, organization: Any, client: Any) -> None:
        templates = [
            make.template(organization, config={"files": [{"path": f"/{n}", "mode": "0644", "contents": str(n)}]})
            for n in range(200)
        ]
        config = make.config(organization, templates=templates)
        assert files(download(client, config.device).content).keys() >= {str(n) for n in range(200)}

    def test_names_and_files_that_are_not_ascii(self, organization: Any, client: Any) -> None:
        config = make.config(
            organization,
            config={"files": [{"path": "/motd", "mode": "0644", "contents": "ciàò {{ città }}"}]},
            context={"città": "Überlingen"},
        )
        archive = download(client, config.device)
        assert files(archive.content)["motd"] == "ciàò Überlingen"
        with pytest.raises(ValidationError, match="hostname or mac address"):
            make.device(organization, name="routér")

    @pytest.mark.parametrize("value", ["a\x00b", {"x": ["a\x00b"]}])
    def test_nul_characters(self, organization: Any, value: Any) -> None:
        config = Config(device=make.device(organization), backend=make.BACKEND, context={"x": value})
        with pytest.raises(ValidationError) as error:
            config.full_clean()
        assert error.value.message_dict == {"context": ["Null characters are not allowed."]}


#: What Python knows as encodings, among them some that fail on everything and some that leave half characters behind.
ENCODINGS = ("utf-16", "utf-7", "unicode_escape", "raw_unicode_escape", "hex", "rot13", "undefined", "idna", "nonsense")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [r"\ud800", "+2AA-", "\xff"])
class TestEncodings:
    """Devices send UTF-8; whoever announces something else gets no server error."""

    def test_query(self, client: Any, organization: Any, encoding: str, text: str) -> None:
        device = make.config(organization).device
        for action in ("checksum", "download-config"):
            for query in ({"key": text}, {"key": device.key, "management_ip": text}):
                url = f"{path(action, device.pk)}?{urlencode(query)}"
                response = client.generic("GET", url, content_type=f"text/plain; charset={encoding}")
                assert response.status_code in (200, 400, 403)
                assert response[HEADER] == "true"

    def test_form(self, client: Any, organization: Any, encoding: str, text: str) -> None:
        device = make.config(organization).device
        forms = [(path("register"), {**enrolment(), field: text}) for field in enrolment()]
        for field in ("key", "model"):
            forms.append((path("update-info", device.pk), {"key": device.key, field: text}))
        for field in ("key", "status", "error_reason"):
            forms.append((path("report-status", device.pk), {"key": device.key, "status": "error", field: text}))
        for url, form in forms:
            lines = [
                f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in form.items()
            ]
            kind = f"multipart/form-data; boundary=B; charset={encoding}"
            response = client.generic("POST", url, ("".join(lines) + "--B--\r\n").encode("latin-1"), content_type=kind)
            assert response.status_code in (200, 201, 400, 403)
            assert response[HEADER] == "true"


@pytest.mark.parametrize("encoding", ["UTF8", "us-ascii", "ISO-8859-1"])
def test_usual_encodings(client: Any, organization: Any, encoding: str) -> None:
    config = make.config(organization)
    url = f"{path('checksum', config.device.pk)}?key={config.device.key}"
    response = client.generic("GET", url, content_type=f"text/plain; charset={encoding}")
    assert response.content.decode() == config.checksum


class TestForms:
    @pytest.mark.parametrize("text", ["{", "[1, 2", "{'a': 1}", "NaN x"])
    def test_invalid_json(self, admin: Any, organization: Any, text: str) -> None:
        form = {
            "name": "wifi", "organization": organization.pk, "backend": make.BACKEND, "config": text,
            "default_values": "{}", "tags": "", "notes": "",
        }  # fmt: skip
        answer = admin.post("/admin/config/template/add/", form)
        assert answer.status_code == 200
        assert "Enter a valid JSON." in answer.content.decode()
        assert not Template.objects.exists()

    @pytest.mark.parametrize("key", ["nonsense", "0" * 32, "'; DROP TABLE config_device; --"])
    def test_malformed_identifiers(self, admin: Any, key: str) -> None:
        answer = admin.get(f"/admin/config/device/{key}/change/")
        assert answer.status_code == 404
        assert "There is no such device" in answer.content.decode()


class TestBodies:
    def test_a_huge_body(self, client: Any, organization: Any, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = MEBIBYTE
        answer = register(client, os="x" * (2 * MEBIBYTE))
        assert (answer.status_code, answer.content) == (400, b"error: malformed request\n")
        assert answer[HEADER] == "true"
        assert not Device.objects.exists()

    def test_json_is_no_form(self, client: Any, organization: Any) -> None:
        body = json.dumps({"secret": make.SECRET})
        answer = client.post(path("register"), body, content_type="application/json")
        assert (answer.status_code, answer.content) == (400, b'error: missing required parameter "secret"\n')


@contextmanager
def unavailable(message: str) -> Iterator[None]:
    """Every write fails as a database fails that is full or locked."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            raise OperationalError(message)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.parametrize("message", ["database is locked", "database or disk is full", "could not extend file"])
class TestDatabase:
    def test_enrolment(self, client: Any, organization: Any, message: str) -> None:
        with unavailable(message):
            answer = register(client)
        assert (answer.status_code, answer[HEADER], answer["Retry-After"]) == (503, "true", "30")
        assert answer.content == b"error: temporarily unavailable, please try again later\n"
        assert not Device.objects.exists()

    def test_polls_go_on_as_long_as_reading_works(self, client: Any, organization: Any, message: str) -> None:
        device = make.config(make.device(organization, last_ip="203.0.113.5")).device
        with unavailable(message):
            assert poll(client, device).status_code == 200

    def test_people_are_told(self, admin: Any, organization: Any, message: str) -> None:
        template = make.template(organization)
        form = {
            "name": "another", "organization": organization.pk, "backend": make.BACKEND, "type": "generic",
            "config": json.dumps(template.config), "default_values": "{}", "tags": "", "notes": "",
        }  # fmt: skip
        with unavailable(message):
            answer = admin.post(f"/admin/config/template/{template.pk}/change/", form)
        assert answer.status_code == 503
        assert "nothing was saved" in answer.content.decode()
        assert Template.objects.get().name == template.name
