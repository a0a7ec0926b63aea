"""Variables in place of numbers and booleans."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from openwisp_controller.rendering import InvalidConfiguration, RenderingError, Stack

from .corpus import VALID
from .corpus.case import Case
from .mutation import slots

OPENWRT = "netjsonconfig.OpenWrt"
VARIABLE = "{{ some_variable }}"
RADIO = {"name": "radio0", "protocol": "802.11g", "channel": "{{ ch }}", "channel_width": 20, "disabled": "{{ off }}"}


def typed_positions(config: dict[str, Any]) -> list[int]:
    """Return the numbers of all places that hold a number or a boolean."""
    found = enumerate(slots(config))
    return [number for number, (container, key) in found if type(container[key]) in (int, float, bool)]


def with_variable(case: Case, place: int) -> tuple[dict[str, Any], Any]:
    """Return the configuration with a variable in a place, and the value that stood there."""
    config = copy.deepcopy(case.config)
    container, key = slots(config)[place]
    value, container[key] = container[key], VARIABLE
    return config, value


# layers compare what stands in lists before variables are put in; the others are only larger
TYPED = [
    case for case in VALID if not case.name.startswith(("many interfaces", "layers")) and typed_positions(case.config)
]


def wants_no_text(stack: Stack, config: dict[str, Any], case: Case) -> bool:
    """Tell whether the schema says of the variable that it is no text."""
    try:
        stack.render(config, {**case.context, "some_variable": "odd"})
    except RenderingError as error:
        return "the variable \"some_variable\" has the value 'odd', but " in error.message
    return False


@pytest.mark.parametrize("case", TYPED, ids=str)
def test_every_position_takes_a_variable(case: Case) -> None:
    """With the same value the archive is the same, whether it is written or comes from a variable."""
    stack = Stack(case.backend, case.templates, dsa=case.dsa)
    expected = stack.render(case.config, case.context).data
    for place in typed_positions(case.config):
        config, value = with_variable(case, place)
        stack.validate(config, case.context, open_ended=True)
        if wants_no_text(stack, config, case):
            for given in value, str(value), f" {value} ":
                assert stack.render(config, {**case.context, "some_variable": given}).data == expected, place


def test_the_schema_wants_no_text_in_most_positions_of_the_corpus() -> None:
    """Where it says nothing the text is put in as it is."""
    answers = [
        wants_no_text(Stack(case.backend, case.templates, dsa=case.dsa), with_variable(case, place)[0], case)
        for case in TYPED
        for place in typed_positions(case.config)
    ]
    assert sum(answers) > 400


@pytest.mark.parametrize(("values", "channel", "disabled"), [
    ({"ch": "6", "off": "true"}, 6, 1),
    ({"ch": 6, "off": False}, 6, 0),
    ({"ch": " 11 ", "off": "No"}, 11, 0),
    ({"ch": "+1", "off": "ON"}, 1, 1),
    ({"ch": "1", "off": "0"}, 1, 0),
])  # fmt: skip
def test_texts_that_are_numbers_and_booleans(values: dict[str, Any], channel: int, disabled: int) -> None:
    text = Stack(OPENWRT).text({"radios": [RADIO]}, values)
    assert f"option channel '{channel}'" in text
    assert f"option disabled '{disabled}'" in text


def test_all_that_do_not_fit_are_told() -> None:
    with pytest.raises(InvalidConfiguration) as error:
        Stack(OPENWRT).render({"radios": [RADIO]}, {"ch": "six", "off": 2})
    assert [(mistake.path, mistake.text) for mistake in error.value.mistakes] == [
        (("radios", 0, "channel"), "the variable \"ch\" has the value 'six', but a whole number is wanted"),
        (("radios", 0, "disabled"), "the variable \"off\" has the value '2', but true or false is wanted"),
    ]
    assert '"#/radios/0/channel"' in error.value.message
    assert '"#/radios/0/disabled"' in error.value.message


@pytest.mark.parametrize("value", ["", "6.0", "1e1", "0x6", "9" * 20, "٦", "None"])
def test_other_texts_are_no_whole_numbers(value: str) -> None:
    with pytest.raises(InvalidConfiguration, match="a whole number is wanted"):
        Stack(OPENWRT).render({"radios": [RADIO]}, {"ch": value, "off": False})


def test_values_that_fit_the_kind_but_not_the_schema_are_refused() -> None:
    with pytest.raises(InvalidConfiguration):
        Stack(OPENWRT).render({"radios": [RADIO]}, {"ch": "15", "off": False})


def test_a_device_needs_the_value() -> None:
    for method in Stack(OPENWRT).validate, Stack(OPENWRT).render:
        with pytest.raises(InvalidConfiguration) as error:
            method({"radios": [RADIO]}, {"off": False})
        assert error.value.path == ("radios", 0, "channel")
        assert error.value.detail == 'the variable "ch" has no value, but a whole number is wanted'


def test_other_mistakes_are_told_beside_what_has_no_value() -> None:
    with pytest.raises(InvalidConfiguration) as error:
        Stack(OPENWRT).validate({"radios": [{**RADIO, "protocol": "802.11x"}]}, {}, open_ended=True)
    assert "ch" not in error.value.detail.split()


def test_several_variables_find_values_together() -> None:
    radio = {"name": "radio0", "protocol": "802.11n", "channel": "{{ ch }}", "channel_width": "{{ width }}"}
    vlans = [{"name": "eth0", "type": "8021q", "vid": f"{{{{ vid{number} }}}}"} for number in range(5)]
    mask = {"proto": "static", "family": "ipv4", "address": "{{ address }}", "mask": "{{ mask }}"}
    lan = {"name": "lan", "type": "ethernet", "mac": "{{ mac }}", "addresses": [mask]}
    Stack(OPENWRT).validate({"radios": [radio], "interfaces": [*vlans, lan]}, {}, open_ended=True)


def test_templates_may_bring_the_variable() -> None:
    stack = Stack(OPENWRT, [{"interfaces": [{"name": "eth0", "type": "ethernet", "mtu": "{{ mtu }}"}]}])
    assert "option mtu '1400'" in stack.text({}, {"mtu": "1400"})


class TestOtherSchemas:
    """Alternatives and references, in the schema of somebody else's backend."""

    BACKEND = "tests.unit.rendering.other_schema.OtherSchema"

    @pytest.mark.parametrize("item", [
        {"kind": "number", "value": "{{ x }}"},
        {"kind": "flag", "value": "{{ y }}"},
        {"kind": "text", "value": "{{ x }}"},
        {"kind": "either", "value": "{{ x }}"},
        {"kind": "list", "value": ["{{ x }}", 2]},
        {"kind": "map", "value": {"any": "{{ z }}"}},
    ])  # fmt: skip
    def test_what_stands_beside_decides(self, item: dict[str, Any]) -> None:
        expected = {"number": 5, "flag": True, "text": "5", "either": "5", "list": [5, 2], "map": {"any": 1.5}}
        context = {"x": "5", "y": "yes", "z": "1.5"}
        text = Stack(self.BACKEND).text({"items": [item]}, context)
        assert text == repr([{**item, "value": expected[item["kind"]]}])
        Stack(self.BACKEND).validate({"items": [item]}, {}, open_ended=True)
