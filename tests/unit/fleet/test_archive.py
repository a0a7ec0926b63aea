"""Which archives a device accepts."""

from __future__ import annotations

import gzip
import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwisp_controller.fleet.archive import (
    ArchiveError,
    ExtraFile,
    InvalidConfiguration,
    path_problem,
    unpack,
)
from openwisp_controller.fleet.uci import UciPackage, UciSection


def pack(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return gzip.compress(plain.getvalue(), mtime=0)


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = "/etc/passwd"
    return info


def test_packages_and_files_are_told_apart() -> None:
    content = unpack(
        pack(
            ("etc/config/system", b"config system 'main'\n"),
            ("etc/x509/ca.pem", b"\x00\xff"),
            special("etc/dropbear", tarfile.DIRTYPE),
        )
    )
    assert content.packages == {"system": UciPackage("system", [UciSection("system", "main")])}
    assert content.files == {"etc/x509/ca.pem": ExtraFile(b"\x00\xff", 0o644)}
    assert content.warnings == ()


def test_empty_archive_is_an_empty_configuration() -> None:
    assert unpack(pack()).packages == {}


def test_bad_paths_are_skipped_with_a_warning() -> None:
    content = unpack(pack(("../etc/passwd", b""), ("etc/two words", b""), ("etc/fine", b"x")))
    assert list(content.files) == ["etc/fine"]
    assert len(content.warnings) == 2
    assert "'../etc/passwd'" in content.warnings[0]
    assert content.faults == ("the archive has the unsafe path '../etc/passwd'",)


def test_same_content_in_another_archive_is_the_same() -> None:
    one = unpack(pack(("etc/config/a", b"config a\n"), ("x", b"1")))
    assert one.same_as(unpack(gzip.compress(gzip.decompress(pack(("x", b"1"), ("etc/config/a", b"config a\n"))), 1)))
    assert not one.same_as(unpack(pack(("etc/config/a", b"config a\n"), ("x", b"2"))))


@pytest.mark.parametrize("path", ["etc/config/a", "a", "a.b_c-d/e", "..a/b"])
def test_accepted_paths(path: str) -> None:
    assert path_problem(path) == ""


@pytest.mark.parametrize("path", ["", "/etc/x", "a//b", "a/./b", "a/../b", "a/", "é", "a b", "a\n", "a;b", "~/x"])
def test_refused_paths(path: str) -> None:
    assert path_problem(path)


@pytest.mark.parametrize(
    ("contents", "message"),
    [(b"nonsense\n", "etc/config/x: line 1: unknown command"), (b"config c '\xff'\n", "is not UTF-8")],
    ids=["no-uci", "no-text"],
)
def test_every_configuration_file_must_be_uci(contents: bytes, message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message):
        unpack(pack(("etc/config/x", contents)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a tar|not a gzip"),
        (b"plain", "not a gzip stream"),
        (pack(("a", b"x" * 5000))[:-20], "not a gzip stream"),
        (gzip.compress(b"no tar at all" * 100), "not a tar archive"),
        (pack(special("a", tarfile.SYMTYPE)), "neither a file nor a directory"),
        (pack(special("a", tarfile.FIFOTYPE)), "neither a file nor a directory"),
        (pack(special("a", tarfile.LNKTYPE)), "neither a file nor a directory"),
        (pack(special("dev/sda", tarfile.BLKTYPE)), "neither a file nor a directory"),
        (pack(special("dev/tty", tarfile.CHRTYPE)), "neither a file nor a directory"),
    ],
    ids=["empty", "plain", "short", "no-tar", "symlink", "fifo", "hard-link", "block-device", "character-device"],
)
def test_broken_archives(data: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        unpack(data)


@pytest.mark.parametrize("size", [b"\x80" + b"\x7f" * 11, b"\xff" * 11 + b"\x00", b"77777777777\0"])
def test_size_that_cannot_be_is_refused(size: bytes) -> None:
    plain = bytearray(gzip.decompress(pack(("a", b"x"))))
    plain[124:136] = size
    plain[148:156] = b" " * 8
    plain[148:156] = b"%06o\0 " % sum(plain[:512])
    with pytest.raises(ArchiveError, match="cut short"):
        unpack(gzip.compress(bytes(plain), mtime=0))


def test_bounds() -> None:
    bomb = pack(("a", bytes(1_000_000)))
    assert len(bomb) < 10_000
    with pytest.raises(ArchiveError, match="more than 500000 bytes"):
        unpack(bomb, max_unpacked=500_000)
    with pytest.raises(ArchiveError, match="more than 2 members"):
        unpack(pack(("a", b""), ("b", b""), ("c", b"")), max_members=2)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: gzip.compress(data, mtime=0)))
def test_any_octets_are_unpacked_or_refused(data: bytes) -> None:
    with suppress(ArchiveError, InvalidConfiguration):
        unpack(data)


@given(st.integers(0, 10239), st.integers(0, 255))
def test_a_damaged_archive_is_unpacked_or_refused(position: int, octet: int) -> None:
    plain = bytearray(gzip.decompress(pack(("etc/config/a", b"config a 'b'\n"), ("etc/x", b"y" * 600))))
    plain[position] = octet
    with suppress(ArchiveError, InvalidConfiguration):
        unpack(gzip.compress(bytes(plain), mtime=0))
