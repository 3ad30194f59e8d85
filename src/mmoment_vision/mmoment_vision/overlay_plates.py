"""Text on small translucent plates; only the pixels under a plate are blended."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import cv2

from mmoment_vision.face_boxes import Picture

Colour = tuple[int, int, int]

# Blue, green, red.
INK: Colour = (28, 24, 20)
FONT = cv2.FONT_HERSHEY_DUPLEX
TEXT_SCALE = 0.52
PLATE_OPACITY = 0.66
# A plate of a colour of its own stands for something that is so, not for a guess.
COLOURED_OPACITY = 0.92
# Of the height of a line, between two lines.
LEADING = 0.75
# What the font lacks and no decomposition gives.
PLAIN_SIGNS = str.maketrans('‘’‚“”„–—−·•', '\'\'\'"""---.*', '\u200b\u200d\ufeff')


def draw_plate(
    picture: Picture,
    text: str | Sequence[str],
    where: tuple[float, float],
    scale: float,
    colour: Colour,
    *,
    above: bool,
    plate: Colour | None = None,
    room: int = 0,
) -> tuple[int, int, int, int]:
    """Write text on a plate whose lower (`above`) or upper left corner is `where`.

    Several lines are centred. `room`: pixels left free before the text. The plate is moved into
    the picture. Returns its left, upper, right and lower edge, pixels.
    """
    lines = [text] if isinstance(text, str) else list(text)
    height, width = picture.shape[:2]
    box_width, box_height = plate_size(lines, scale, room)
    left = int(min(max(0.0, where[0]), max(0, width - box_width)))
    wanted_top = where[1] - box_height if above else where[1]
    top = int(min(max(0.0, wanted_top), max(0, height - box_height)))
    right, bottom = min(width, left + box_width), min(height, top + box_height)
    under = picture[top:bottom, left:right]
    covered = under.copy()
    _fill_rounded(covered, plate or INK, radius=max(2, round(4 * scale)))
    opacity = PLATE_OPACITY if plate is None else COLOURED_OPACITY
    cv2.addWeighted(covered, opacity, under, 1.0 - opacity, 0.0, dst=under)
    size, thickness = TEXT_SCALE * scale, _text_thickness(scale)
    padding, line_height = plate_padding(scale), text_size('', scale)[1]
    for row, line in enumerate(lines):
        spare = box_width - room - 2 * padding - text_size(line, scale)[0]
        baseline = (
            left + padding + room + spare // 2,
            top + padding + line_height + round(row * line_height * (1 + LEADING)),
        )
        cv2.putText(picture, plain(line), baseline, FONT, size, colour, thickness, cv2.LINE_AA)
    return left, top, right, bottom


def plate_size(lines: Sequence[str], scale: float, room: int = 0) -> tuple[int, int]:
    """Width and height of the plate of these lines, pixels."""
    padding, line_height = plate_padding(scale), text_size('', scale)[1]
    widest = max((text_size(line, scale)[0] for line in lines), default=0)
    leading = round((len(lines) - 1) * line_height * (1 + LEADING))
    return widest + room + 2 * padding, line_height + leading + 2 * padding


def text_size(text: str, scale: float) -> tuple[int, int]:
    """Width and height of a line, pixels; one height for all, so that plates line up."""
    thickness = _text_thickness(scale)
    (width, _), _ = cv2.getTextSize(plain(text), FONT, TEXT_SCALE * scale, thickness)
    (_, height), _ = cv2.getTextSize('Ag', FONT, TEXT_SCALE * scale, thickness)
    return int(width), int(height)


def wrapped(text: str, scale: float, width_px: float, most_lines: int) -> list[str]:
    """`text` in lines no wider than `width_px`; what is too much ends in dots."""
    lines: list[str] = []
    for word in plain(text).split():
        for part in _parts(word, scale, width_px):
            longer = f'{lines[-1]} {part}' if lines else part
            if lines and text_size(longer, scale)[0] <= width_px:
                lines[-1] = longer
            else:
                lines.append(part)
    if len(lines) <= most_lines:
        return lines
    last = lines[most_lines - 1]
    while last and text_size(f'{last}...', scale)[0] > width_px:
        last = last[:-1].rstrip()
    return [*lines[: most_lines - 1], f'{last}...']


def plain(text: str) -> str:
    """The letters of cv2 are ASCII only: accents are left out, other signs become one `?` a row."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize('NFKD', text.translate(PLAIN_SIGNS))
    letters = ''.join(sign for sign in decomposed if not unicodedata.combining(sign))
    drawn: list[str] = []
    for sign in letters:
        if sign.isascii():
            drawn.append(sign)
        elif not drawn or drawn[-1] != '?':
            drawn.append('?')
    return ''.join(drawn)


def plate_padding(scale: float) -> int:
    """From the text to the edge of its plate, pixels."""
    return max(3, round(6 * scale))


def _parts(word: str, scale: float, width_px: float) -> list[str]:
    """A word, cut where it is wider than a line."""
    parts = ['']
    for letter in word:
        if parts[-1] and text_size(parts[-1] + letter, scale)[0] > width_px:
            parts.append('')
        parts[-1] += letter
    return parts


def _fill_rounded(tile: Picture, colour: Colour, radius: int) -> None:
    height, width = tile.shape[:2]
    radius = min(radius, height // 2, width // 2)
    cv2.rectangle(tile, (radius, 0), (width - 1 - radius, height - 1), colour, -1)
    cv2.rectangle(tile, (0, radius), (width - 1, height - 1 - radius), colour, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(tile, (x, y), radius, colour, -1, cv2.LINE_AA)


def _text_thickness(scale: float) -> int:
    return max(1, round(0.85 * scale))
