"""The archive's bytes, limits and reading back."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwisp_controller.rendering import ArchiveFile, RenderingError, Stack, archive, list_files
from openwisp_controller.rendering.archive import ArchiveWriter, TarWriter, compress

NAMES = st.one_of(
    st.from_regex(r"[a-z.]{1,20}x(/[a-zé]{1,30}){0,8}", fullmatch=True),
    st.sampled_from(
        ["x" * n for n in (99, 100, 101, 255, 300)] + ["d/" * 49 + "ab", "d/" * 60 + "x", "d/" * 140 + "x"]
    ),
)
CONTENTS = st.one_of(st.text(max_size=40), st.sampled_from(["é" * n for n in (256, 512, 5120)] + ["x" * 512]))
FILES = st.lists(st.tuples(NAMES, CONTENTS, st.sampled_from(["644", "0755", "0", "4755", "7777"])), max_size=5)


def standard_library(files: list[tuple[str, str, str]]) -> bytes:
    buffer, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, contents, mode in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(contents.encode()), int(mode, 8)
            tar.addfile(info, io.BytesIO(contents.encode()))
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream:
        stream.write(buffer.getvalue())
    return packed.getvalue()


@given(FILES)
def test_same_bytes_as_the_standard_library(files: list[tuple[str, str, str]]) -> None:
    for writer in ArchiveWriter(), TarWriter():
        for file in files:
            writer.add_text(*file)
        data = writer.finish()
        assert data == standard_library(files)
        assert data.startswith(bytes.fromhex("1f8b0800 00000000 02ff"))
    assert list_files(data) == [ArchiveFile(name, f"{int(mode, 8):04o}", text) for name, text, mode in files]


def test_an_empty_configuration_is_an_empty_archive() -> None:
    made = Stack("netjsonconfig.OpenWrt").render({}, {})
    assert list_files(made.data) == []
    assert len(gzip.decompress(made.data)) == 10240


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/..", "a/../b", ".", "./a", "a/.", "a/", "a\nb", "a\0"])
def test_names_that_leave_the_root_are_refused(name: str) -> None:
    for writer in ArchiveWriter(), TarWriter():
        with pytest.raises(RenderingError, match="cannot be the name of a file"):
            writer.add_text(name, "", "644")


@pytest.mark.parametrize("name", ["..a", "a..", "...", ".a/b", "a/..b", "~", "a b"])
def test_harmless_dots_are_accepted(name: str) -> None:
    writer = ArchiveWriter()
    writer.add_text(name, "", "644")
    assert list_files(writer.finish())[0].path == name


@pytest.mark.parametrize("key", ["../../evil", "a/../b", "..", "/evil"])
def test_package_names_cannot_leave_the_root(key: str) -> None:
    with pytest.raises(RenderingError, match="cannot be the name of a file"):
        Stack("netjsonconfig.OpenWrt").render({key: [{"config_name": "a"}]}, {})


def test_only_regular_files() -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(RenderingError, match="not a regular file"):
        TarWriter().addfile(link)


def test_size_and_number_of_files_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ARCHIVE_SIZE", 1000)
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    for writer in ArchiveWriter(), TarWriter():
        writer.add_text("a", "x" * 600, "644")
        writer.add_text("b", "é" * 200, "644")
        with pytest.raises(RenderingError, match='becomes too large with "c"'):
            writer.add_text("c", "x", "644")
    writer = ArchiveWriter()
    for number in range(3):
        writer.add_text(str(number), "", "644")
    with pytest.raises(RenderingError, match="at most 3 files"):
        writer.add_text("d", "", "644")


def test_reading_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = compress(bytes(60_000_000))
    with pytest.raises(RenderingError, match="larger than any archive"):
        list_files(bomb)


@pytest.mark.parametrize(
    "data", [b"", b"text", standard_library([("a", "b" * 5000, "644")])[:-20], compress(b"x" * 600)]
)
def test_what_is_no_archive_is_said_to_be_unreadable(data: bytes) -> None:
    with pytest.raises(RenderingError, match="The archive cannot be read"):
        list_files(data)


def test_an_archive_without_its_end_is_cut_short() -> None:
    with pytest.raises(RenderingError, match="it is cut short"):
        list_files(standard_library([("a", "b", "644")])[:-4])


def test_reading_shows_bytes_that_are_not_text() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("a")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"\xff!"))
        tar.addfile(directory := tarfile.TarInfo("d"))
        directory.type = tarfile.DIRTYPE
    assert list_files(compress(buffer.getvalue()))[0] == ArchiveFile("a", "0644", "\ufffd!")
