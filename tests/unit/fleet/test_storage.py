"""What a device keeps, and what an update does to it."""

from __future__ import annotations

from openwisp_controller.fleet.archive import Content, ExtraFile
from openwisp_controller.fleet.storage import Storage

CONTENT = Content({"system": "config system 'system'\n\toption hostname 'a'\n"}, {"etc/motd": ExtraFile(b"a")})


def test_identical_content_changes_nothing() -> None:
    storage = Storage("secret")
    assert storage.apply(CONTENT)
    files = storage.files
    assert not storage.apply(Content(dict(CONTENT.uci), dict(CONTENT.files)))
    assert storage.files == files
    assert storage.apply(Content(CONTENT.uci, {"etc/motd": ExtraFile(b"a", 0o600)}))


def test_what_is_in_force_is_uncertain_until_the_update_is_complete() -> None:
    storage = Storage("secret", checksum="old")
    backup = storage.backup()
    storage.apply(CONTENT)
    assert storage.checksum is None
    storage.restore(backup)
    assert (storage.checksum, storage.remote) == ("old", Content())
