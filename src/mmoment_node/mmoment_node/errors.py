"""Faults that every node tells in the same way."""


class NodeError(Exception):
    """Base class; the text says what is wrong, where, and what to do."""


class ConfigurationError(NodeError):
    """A person has to change something; trying again would fail in the same way.

    A node that meets one prints the text as one line and exits with `EXIT_CONFIGURATION`, and
    whoever started it must not start it again.
    """


EXIT_FAULT = 1
EXIT_CONFIGURATION = 2
