"""Errors of the launch package, and the exit codes of the supervisor."""

EXIT_STOPPED = 0
"""The graph was asked to stop, or every node ended by itself without a fault."""

EXIT_FAULT = 1
"""A node failed for good, or one that was ready had to be killed."""

EXIT_CONFIGURATION = 2
"""A person has to change something; starting again as it is will not help."""


class BringupError(Exception):
    """Base of this package's errors: one sentence that says what, where and what to do."""


class LaunchFileError(BringupError):
    """The launch file, or an argument given to it, cannot be used."""


class NamespaceLockError(BringupError):
    """A namespace cannot be held for a reason of the system."""


class AlreadyRunningError(NamespaceLockError):
    """Another supervisor runs a graph in the same namespace."""
