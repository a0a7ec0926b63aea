"""Helpers for the tests of packages that extend the controller."""
