"""What this package refuses, and the faults it tells of."""

from __future__ import annotations

REFUSALS = {
    'not_ready': 'The camera is still starting: try again in a moment',
    'no_picture': 'The camera delivers no picture',
    'too_old': 'The camera has no picture of that moment any more',
    'no_video': 'The camera delivers no video',
    'busy': 'As many recordings as the camera takes are running',
    'disk_full': 'There is no room left for media: delete some, or make room on the disk',
    'not_kept': 'The camera could not keep this, so there is nothing: its log says why',
    'no_recording': 'Nothing is being recorded',
    'no_media': 'There is no such photo or clip',
    'bad_cursor': 'This is no cursor of this list: begin with the newest',
    'no_target': 'There is nowhere to push to: configure a target, and enable it',
    'unknown_target': 'There is no target of this name',
    'target_left_out': 'The settings leave this target out: enable it first',
    'malformed': 'This is not what was asked for',
}
"""Stable codes with the sentence a person is told. Codes never change once published."""


class StreamError(Exception):
    """Base class; the text says what is wrong and what to do."""


class Refused(StreamError):
    """Something that was asked for and is not done. `code` is one of REFUSALS."""

    def __init__(self, code: str, text: str = '') -> None:
        self.code = code
        self.text = text or REFUSALS[code]
        super().__init__(f'{code}: {self.text}')


class SessionRefused(StreamError):
    """What session_node refused, in its own code and sentence."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f'{code}: {text}')
