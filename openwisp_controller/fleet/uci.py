"""UCI as virtual devices read and write it: with the rules of the device's library, see ``openwisp_controller.uci``."""

from ..uci import UciError, UciPackage, UciSection, Value, dump, merge, parse, parse_export

__all__ = ["UciError", "UciPackage", "UciSection", "Value", "dump", "merge", "parse", "parse_export"]
