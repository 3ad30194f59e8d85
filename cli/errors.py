"""The one kind of failure that a person is told about in plain words."""

from __future__ import annotations


class CliError(Exception):
    """Something a person must change: what is wrong, where, and what to do."""
