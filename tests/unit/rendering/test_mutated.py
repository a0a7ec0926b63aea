"""Whatever a configuration looks like, the outcome is the library's, unless that is not what was written."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from netjsonconfig.exceptions import ValidationError

from openwisp_controller.rendering import InvalidConfiguration, RenderingError, Stack
from openwisp_controller.uci import UciError

from .corpus import INVALID, VALID, Case
from .mutation import mutate
from .reference import library, meant, read


def library_outcome(case: Case) -> Any:
    try:
        return library(case).generate().getvalue()
    except (ValidationError, jsonschema.ValidationError) as error:
        return error.message
    except Exception:
        return None


def outcome(case: Case) -> Any:
    try:
        return Stack(case.backend, case.templates, dsa=case.dsa).render(case.config, case.context).data
    except InvalidConfiguration as error:
        return error.detail
    except RenderingError as error:
        return error


#: Refused for what the router would make of it.
REFUSED = ("cannot be the name of", "cannot be the type of", "more than one line", "not UCI", "of the legacy firmware")
#: Refused though it can be read: it has lost a section, or a line break adds something elsewhere.
READABLE = ("Two different sections", "cannot have line breaks")


def is_right(case: Case, archive: bytes) -> bool:
    """Whether the router reads from an archive what a case means."""
    try:
        return read(archive) == meant(case)
    except UciError:
        return False


@settings(max_examples=250)
@given(st.sampled_from([*VALID, *INVALID]), st.randoms(use_true_random=False))
def test_outcome(case: Case, draw: random.Random) -> None:
    case = replace(case, config=mutate(case.config, draw))
    expected, got = library_outcome(case), outcome(case)
    if expected is None:
        # the library stumbles: here it is an error in words, by the schema or by the renderer
        assert isinstance(got, str | RenderingError)
        assert str(got)
    elif isinstance(expected, str) and isinstance(got, str):
        assert got  # in other words, which name the innermost mistake
    elif isinstance(got, RenderingError):
        assert "cannot be the name of a file" in got.message
    elif isinstance(expected, bytes) and isinstance(got, str):
        if not any(words in got for words in READABLE):
            assert any(words in got for words in REFUSED)
            assert "OpenWrt" not in case.backend or not is_right(case, expected)
    elif got != expected:
        assert isinstance(got, bytes)
        assert is_right(case, got)
        assert not is_right(case, expected)
