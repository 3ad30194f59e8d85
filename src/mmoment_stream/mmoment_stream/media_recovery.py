"""What a process that was killed has left of photos and clips, finished at the next start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from mmoment_chain.media_records import MediaRecord
from mmoment_stream import durable
from mmoment_stream.errors import Refused
from mmoment_stream.media_draft import ClipDraft, read_note
from mmoment_stream.media_intake import ClipLook
from mmoment_stream.media_library import MediaLibrary

Salvage = Callable[[ClipDraft], ClipLook | None]
"""Makes `draft.path` of `draft.recording`; None: there is nothing to be made of it. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start has found."""

    placed: int = 0  # kept before, now in their place
    salvaged: int = 0  # clips that were cut short, now kept
    dropped: int = 0  # of which nothing could be kept
    deleted: int = 0  # files that were to be deleted
    problems: tuple[str, ...] = ()  # for the log
    left: tuple[str, ...] = ()  # names of what they are about; see `recover_left`
    kept: tuple[MediaRecord, ...] = field(default=(), repr=False, compare=False)  # the salvaged


def recover(library: MediaLibrary, salvage: Salvage) -> Recovered:
    """Finish it. Before anything else uses the library.

    A photo that nobody was told of goes; a clip is kept up to where it was cut. Raises Refused or
    OSError if the folder or the store cannot be used.
    """
    folder = library.folder
    folder.prepare()
    deleted = library.sweep()
    durable.sweep_drafts(folder.drafts)
    found = recover_left(library, folder.names_in_drafts(), salvage)
    return replace(found, deleted=deleted)


def recover_left(library: MediaLibrary, names: Iterable[str], salvage: Salvage) -> Recovered:
    """Finish what is among the drafts under these names; from `left` of a recovery at any time.

    Such as once a minute: a disk that was full may have room again. What is never tried again waits
    for the next start.
    """
    counts = {'placed': 0, 'salvaged': 0, 'dropped': 0}
    kept: list[MediaRecord] = []
    problems, left = [], []
    for name in names:
        try:
            counts[_recovered(library, name, salvage, kept)] += 1
        except Exception as error:
            # One file that cannot be dealt with must not keep the camera from starting.
            problems.append(f'{name}: {error}')
            left.append(name)
    return Recovered(**counts, problems=tuple(problems), left=tuple(left), kept=tuple(kept))


def _recovered(library: MediaLibrary, name: str, salvage: Salvage, kept: list[MediaRecord]) -> str:
    """What came of it; a clip that is salvaged is added to `kept`."""
    folder = library.folder
    if library.has(name):
        folder.place(name)
        folder.forget_recording(name)
        return 'placed'
    draft = read_note(folder, name)
    look = None if draft is None else salvage(draft)
    if draft is None or look is None:
        folder.discard(name)
        return 'dropped'
    try:
        kept.append(library.keep_clip(draft, look))
    except Refused:
        if read_note(folder, name) is None:
            # Of somebody who was forgotten.
            return 'dropped'
        raise
    return 'salvaged'
