"""Has Livepeer pass a stream on to other places, whose addresses lie in a key file.

The file has a line NAME URL for each; lines that begin with # say nothing. The addresses hold keys:
they go to Livepeer and nowhere else, and Livepeer tells them to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mmoment_stream.livepeer_client import LivepeerClient
from mmoment_stream.livepeer_models import LivepeerStream
from mmoment_stream.push_target import PushError

NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,31}')
PLACE = re.compile(r'(?:srt|rtmps?)://[\x21-\x7e]{1,2000}')
MOST_PLACES = 10
SOURCE = 'source'
"""What is passed on: the pictures as they come, not transcoded."""


def read_places(text: str) -> dict[str, str]:
    """Address of each place by its name. Raises PushError: no_key, never repeating a line."""
    places: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        name, *rest = line.split()
        is_right = NAME.fullmatch(name) and len(rest) == 1 and PLACE.fullmatch(rest[0])
        if not is_right or name in places:
            raise PushError(
                'no_key', f'line {number} of the multistream file has to be a new NAME and its URL'
            )
        places[name] = rest[0]
    if len(places) > MOST_PLACES:
        raise PushError('no_key', f'the multistream file may name {MOST_PLACES} places')
    return places


async def pass_on(
    client: LivepeerClient, stream: LivepeerStream, prefix: str, places: Mapping[str, str]
) -> None:
    """Have the stream passed on to these places, and to those that others have added.

    prefix: unique to this camera; begins the names of the targets that it has made. Raises PushError.
    """
    listed = await client.multistream_targets(stream.user_id)
    ours = {
        target.name[len(prefix) + 1 :]: target.id
        for target in listed
        if target.name.startswith(f'{prefix} ')
    }
    kept = [pair for pair in stream.multistream if pair[1] not in ours.values()]
    for name, url in places.items():
        if name in ours:
            await client.change_multistream_target(ours[name], url)
        else:
            made = await client.create_multistream_target(f'{prefix} {name}', url)
            ours[name] = made.id
        kept.append((SOURCE, ours[name]))
    if set(kept) != set(stream.multistream):
        await client.change_stream(stream.id, multistream=kept)
    for name, target_id in ours.items():
        if name not in places:
            await client.delete_multistream_target(target_id)
