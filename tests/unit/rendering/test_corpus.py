"""Same bytes and same texts as netjsonconfig, case by case."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
from netjsonconfig.exceptions import ValidationError

from openwisp_controller.rendering import InvalidConfiguration, Stack, list_files

from .corpus import INVALID, MENDED, VALID, Case
from .reference import library, library_merge


def stack(case: Case) -> Stack:
    return Stack(case.backend, case.templates, dsa=case.dsa)


def spoil(value: Any) -> None:
    """Empty a structure at every level."""
    if isinstance(value, (dict, list)):
        for item in list(value.values() if isinstance(value, dict) else value):
            spoil(item)
        value.clear()


def test_corpus_is_large_and_its_names_are_unique() -> None:
    names = [case.name for case in VALID] + [case.name for case in INVALID]
    assert len(names) == len(set(names))
    assert len(MENDED) >= 12
    assert len(VALID) >= 160
    assert len(INVALID) >= 30


@pytest.mark.parametrize("case", VALID, ids=str)
def test_archive(case: Case) -> None:
    # the library is right about sizes as long as a character is a byte
    expected = library(case, mended=not repr(case).isascii()).generate().getvalue()
    archive = stack(case).render(case.config, case.context)
    assert list_files(archive.data) == list_files(expected)
    assert archive.data == expected
    assert archive.checksum == hashlib.md5(expected).hexdigest()


@pytest.mark.parametrize("case", MENDED, ids=str)
def test_mended_archive(case: Case) -> None:
    """Otherwise these cases would belong to the others; what is right is in ``test_values.py``."""
    expected = library(case).generate().getvalue()
    assert stack(case).render(case.config, case.context).data != expected


@pytest.mark.parametrize("case", VALID, ids=str)
def test_text(case: Case) -> None:
    assert stack(case).text(case.config, case.context) == library(case).render()


@pytest.mark.parametrize("case", [*VALID, *MENDED], ids=str)
def test_merge_and_expand(case: Case) -> None:
    assert repr(stack(case).merge(case.config)) == repr(library_merge(case))
    assert repr(stack(case).expand(case.config, case.context)) == repr(library(case).config)


@pytest.mark.parametrize("case", [*VALID, *MENDED], ids=str)
def test_nothing_is_changed_and_the_stack_can_be_used_again(case: Case) -> None:
    before = deepcopy(case)
    used = stack(case)
    base = deepcopy(used.base)
    first = used.render(case.config, case.context)
    used.text(case.config, case.context)
    spoil(used.merge(case.config))
    spoil(used.expand(case.config, case.context))
    assert used.render(case.config, case.context) == first
    assert repr(case) == repr(before)
    assert repr(used.base) == repr(base)


@pytest.mark.parametrize("case", INVALID, ids=str)
def test_error(case: Case) -> None:
    with pytest.raises((ValidationError, jsonschema.ValidationError)) as expected:
        library(case).generate()
    details = getattr(expected.value, "details", expected.value)
    with pytest.raises(InvalidConfiguration) as error:
        stack(case).render(case.config, case.context)
    # the library names what holds the mistake, and the first of several
    outer = tuple(details.absolute_path)
    assert any(mistake.path[: len(outer)] == outer for mistake in error.value.mistakes)
    assert error.value.message == "\n\n".join(
        f'Invalid configuration triggered by "#/{"/".join(map(str, mistake.path))}", validator says:\n\n{mistake.text}'
        for mistake in error.value.mistakes
    )
    assert "is not valid under any of the given schemas" not in error.value.message
