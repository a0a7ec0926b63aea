"""UCI text: what the device reads, what it refuses, and where."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwisp_controller.fleet.uci import UciError, UciPackage, UciSection, dump, merge, parse, parse_export

names = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
types = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
values = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r'\"\\ #;"), max_size=40)
options = st.dictionaries(names, values | st.lists(values, min_size=1, max_size=3), max_size=5)
sections = st.builds(UciSection, types, st.none() | names, options)
packages = st.builds(
    UciPackage, names, st.lists(sections, max_size=6, unique_by=lambda section: section.name or object())
)


@given(packages)
def test_what_is_dumped_is_parsed_back(package: UciPackage) -> None:
    assert parse(dump(package), package.name) == package


@given(st.text(max_size=200) | st.text("config option list 'abc\"\\\n#;", max_size=80))
def test_any_text_is_parsed_or_refused_with_a_line(text: str) -> None:
    refused: list[int] = []
    try:
        parse(text)
    except UciError as error:
        refused.append(error.line)
    assert all(1 <= line <= text.count("\n") + 1 for line in refused)


fragments = st.sampled_from(
    [
        "config",
        "option",
        "list",
        "package",
        " ",
        "\t",
        "\n",
        "\r\n",
        "'",
        '"',
        "\\",
        "\\\n",
        "#",
        ";",
        "a",
        "'b c'",
        '"d\\"e"',
        "é",
    ]
)


words = st.lists(st.sampled_from(["a", "'b c'", "''", '"d\\"e"', "\\'", "\\\n", "#", "é"]), min_size=1, max_size=4).map(
    "".join
)
statements = st.one_of(
    st.tuples(st.just("config"), st.sampled_from(["a", "'b'", "c\\'d"]), st.sampled_from(["", "s", "'t'"])),
    st.tuples(st.sampled_from(["option", "list"]), st.sampled_from(["o", "'p'"]), words),
).map(" ".join)
lines = st.builds(str.__add__, statements, st.sampled_from(["\n", "\r\n", ";", " # x\n", ""]))


@given(
    st.lists(fragments, max_size=40).map("".join) | st.lists(lines, max_size=8).map("".join).map("config a\n".__add__)
)
def test_what_looks_like_uci_is_refused_or_means_the_same_when_dumped(text: str) -> None:
    with suppress(UciError):
        parse_export(text)
    try:
        package = parse(text, "p")
    except UciError:
        return
    dumped = dump(package)
    assert parse(dumped, "p") == package
    assert dump(parse(dumped, "p")) == dumped


@given(st.binary(max_size=200))
def test_any_octets_are_parsed_or_refused(data: bytes) -> None:
    with suppress(UciError):
        parse(data.decode("latin-1"))


@given(packages)
def test_a_file_that_is_cut_short_is_parsed_or_refused(package: UciPackage) -> None:
    text = dump(package)
    for length in range(0, len(text), 7):
        with suppress(UciError):
            parse(text[:length])


def cost_of(text: str) -> float:
    """Processor time of this thread that it takes to read a text: the least of a few attempts."""
    attempts = []
    for _ in range(3):
        start = time.thread_time()
        with suppress(UciError):
            parse(text)
        attempts.append(time.thread_time() - start)
    return min(attempts)


@pytest.mark.parametrize(("start", "repeated"), [("", "'a'b"), ('"', "\\a"), ("'", "''"), ("", "a "), ("", "#")])
def test_long_texts_take_time_in_proportion(start: str, repeated: str) -> None:
    """Looking for a token again and again would cost the square of the length: a thousand times as much, not 32."""
    assert cost_of(start + repeated * 320_000) < 32 * 10 * cost_of(start + repeated * 10_000)


@given(packages)
def test_merging_a_package_upon_nothing_is_the_package(package: UciPackage) -> None:
    assert merge(UciPackage(package.name), package) == package


def test_typical_file() -> None:
    package = parse(
        "package network\n"
        "\n"
        "# a comment\n"
        "config interface 'lan'\n"
        "\toption device 'br-lan' # trailing comment\n"
        "\toption proto static\n"
        '\tlist dns "1.1.1.1"\n'
        "\tlist dns '9.9.9.9'\n"
        "config route\n"
        "\toption target '10.0.0.0'\n"
    )
    assert package == UciPackage(
        "network",
        [
            UciSection("interface", "lan", {"device": "br-lan", "proto": "static", "dns": ["1.1.1.1", "9.9.9.9"]}),
            UciSection("route", None, {"target": "10.0.0.0"}),
        ],
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain", "plain"),
        ("'two words'", "two words"),
        ('"two words"', "two words"),
        ("''", ""),
        (r"'it'\''s'", "it's"),
        (r'"a \" b"', 'a " b'),
        (r"'a \ b'", r"a \ b"),
        (r"one\ word", "one word"),
        ("'first\nsecond'", "first\nsecond"),
        ("'a'\"b\"c", "abc"),
        ("'#;'", "#;"),
        ("con\\\ntinued", "continued"),
        ("ciàò", "ciàò"),
    ],
)
def test_quotes_and_escapes(written: str, value: str) -> None:
    package = parse(f"config c 's'\n\toption o {written}\n")
    assert package.sections[0].options == {"o": value}


def test_repeated_statements() -> None:
    package = parse("config c 's'\noption o 1\noption o 2\noption l a\nlist l b\nconfig c s; option p 3\n")
    assert package.sections == [UciSection("c", "s", {"o": "2", "l": ["a", "b"], "p": "3"})]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("option a 'b'", 1, "outside of a section"),
        ("config c 's'\n\toption a\n", 2, "lacks arguments"),
        ("config\n", 1, "lacks arguments"),
        ("config c 's' 't'\n", 1, "too many arguments"),
        ("config c 's'\n\n\toption a two words\n", 3, "too many arguments"),
        ("config c 's'\n\toption a 'b\n\toption c d\n", 2, "unterminated '"),
        ('config c "s\n', 1, 'unterminated "'),
        ("config c 'two words'\n", 1, "no section name"),
        ("config c 's'\noption a-b 1\n", 2, "no option name"),
        ("config 'two words' 's'\n", 1, "no section type"),
        ("config c s\nconfig d s\n", 2, "of type 'c' before"),
        ("config c s\noption a 'x\x00y'\n", 2, "control characters"),
        ("<html>\n", 1, "unknown command '<html>'"),
        ("package 'a b'\n", 1, "no package name"),
    ],
)
def test_errors_name_the_line(text: str, line: int, message: str) -> None:
    with pytest.raises(UciError) as caught:
        parse(text)
    assert caught.value.line == line
    assert message in str(caught.value)


def test_export_of_several_packages() -> None:
    text = "package a\nconfig c 's'\n\toption o 1\npackage b\nconfig d\npackage a\nconfig c 't'\n"
    first, second = parse_export(text)
    assert (first.name, [section.name for section in first.sections]) == ("a", ["s", "t"])
    assert second == UciPackage("b", [UciSection("d")])
    with pytest.raises(UciError, match="line 1: 'config' comes before the first package"):
        parse_export("config c 's'\n")


def test_merge_keeps_local_options_and_replaces_sections_of_another_type() -> None:
    base = parse("config a 's'\n\toption x 1\n\toption y 2\nconfig b 't'\n\toption z 3\nconfig n\n", "p")
    over = parse("config a 's'\n\toption x 9\nconfig c 't'\n\toption w 4\nconfig n\n", "p")
    assert merge(base, over).sections == [
        UciSection("a", "s", {"x": "9", "y": "2"}),
        UciSection("c", "t", {"w": "4"}),
        UciSection("n"),
        UciSection("n"),
    ]
    assert base.sections[0].options["x"] == "1"
