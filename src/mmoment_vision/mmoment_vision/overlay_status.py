"""The line at the edge of a drawn picture that says when it was taken, and what is in it."""

from __future__ import annotations

import time


def status_line(
    taken_s: float, fps: float, *, faces: int, hands: int, recording: str, blurred: str
) -> str:
    """What is worth a word now.

    taken_s: since 1970, shown as the time of this place. recording: how long one has run, empty: none
    does. blurred: why all of the picture is, empty: it is not.
    """
    parts = [recording] if recording else []
    parts += [time.strftime('%H:%M:%S', time.localtime(taken_s)), f'{fps:.0f} fps']
    parts += [_counted(faces, 'face')] if faces else []
    parts += [_counted(hands, 'hand')] if hands else []
    parts += [f'blurred: {blurred}'] if blurred else []
    return '   '.join(parts)


def _counted(number: int, what: str) -> str:
    return f'{number} {what}' if number == 1 else f'{number} {what}s'
