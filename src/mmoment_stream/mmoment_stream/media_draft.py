"""A clip that is not kept yet, and the note beside it that makes its record true after a kill."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from mmoment_chain.canonical_json import canonical, parsed
from mmoment_stream import durable
from mmoment_stream.media_folder import MediaFolder


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose a photo or clip is, and what made the camera take it."""

    wallet: str | None  # None: of the owner of the camera
    session_id: str | None
    trigger: str  # api, gesture or service
    gesture: str = ''  # that asked for it
    annotated: bool = False  # with what the overlay draws


@dataclass(frozen=True, slots=True)
class ClipDraft:
    """A clip that is being recorded. `recording` is written meanwhile, `path` is whole at the end."""

    media_id: str
    name: str
    mime_type: str
    origin: Origin
    recording: Path
    path: Path

    @classmethod
    def at(
        cls,
        folder: MediaFolder,
        media_id: str,
        name: str,
        mime_type: str,
        origin: Origin,
    ) -> ClipDraft:
        """The draft of this name in this folder."""
        paths = folder.recording(name), folder.draft(name)
        return cls(media_id, name, mime_type, origin, *paths)


def write_note(folder: MediaFolder, draft: ClipDraft) -> None:
    """Have the note on the disk. Raises Refused: disk_full or not_kept."""
    content = {
        'media_id': draft.media_id,
        'mime_type': draft.mime_type,
        'origin': asdict(draft.origin),
    }
    durable.keep(folder.note(draft.name), canonical(content).encode('utf-8'))


def read_note(folder: MediaFolder, name: str) -> ClipDraft | None:
    """The draft that a note speaks of; None: there is none, or it cannot be read."""
    try:
        content = parsed(folder.note(name).read_text('utf-8'))
        origin = Origin(**content.pop('origin'))
        return ClipDraft.at(folder, name=name, origin=origin, **content)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
