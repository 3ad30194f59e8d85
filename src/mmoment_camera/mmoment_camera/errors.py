"""Errors of the camera package."""

from __future__ import annotations


class CameraError(Exception):
    """Base of this package's errors; the text is a sentence for a person, without credentials."""


class SourceError(CameraError):
    """A picture source does not deliver at the moment; trying again may help."""


class SourceUnusable(SourceError):
    """A picture source will not deliver until a person changes something."""


NOT_TRIED_AGAIN = (
    'not tried again by itself, since cameras lock accounts for that; set the source again'
)
"""What is told of a refused password."""


class SourceAddressError(CameraError):
    """The text that names a source is wrong, or names a file that is not there."""


class CalibrationError(CameraError):
    """A calibration is unreadable, cannot be written, or does not fit the picture."""
