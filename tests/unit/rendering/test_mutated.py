"""Whatever a configuration looks like, the outcome is the library's."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from netjsonconfig.exceptions import ValidationError

from openwisp_controller.rendering import InvalidConfiguration, RenderingError, Stack

from .corpus import INVALID, VALID, Case
from .mutation import mutate
from .reference import library


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


@settings(max_examples=250)
@given(st.sampled_from([*VALID, *INVALID]), st.randoms(use_true_random=False))
def test_outcome(case: Case, draw: random.Random) -> None:
    case = replace(case, config=mutate(case.config, draw))
    expected, got = library_outcome(case), outcome(case)
    if expected is None:
        # the library stumbles: here it is an error in words, by the schema or by the renderer
        assert isinstance(got, str | RenderingError)
        assert str(got)
    elif isinstance(got, RenderingError):
        assert "cannot be the name of a file" in got.message
    else:
        assert got == expected
