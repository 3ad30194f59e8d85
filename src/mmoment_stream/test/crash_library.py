"""Keeps and deletes photos and clips until it is killed, and says on standard output what is done.

`kept ID` and `deleted ID` are for good. `recording ID`: what was recorded until then is on the disk.
"""

import os
import random
import sys
from pathlib import Path

from library_world import ANNA, BEN, person, world_at

MOST_KEPT = 12


def say(text):
    # One write, which no kill cuts in two.
    os.write(1, f'{text}\n'.encode())


def main(folder, seed):
    chance = random.Random(seed)
    with world_at(folder, beside=True) as world:
        world.clock.now_ms += seed * 1_000_000
        while True:
            wallet = chance.choice((ANNA, BEN, None))
            content = chance.randbytes(chance.randrange(1, 50_000))
            kind = chance.choice(('photo', 'clip', 'clip', 'delete'))
            if kind == 'photo':
                say(f'kept {world.photo(wallet, content).media_id}')
            elif kind == 'clip':
                draft = world.begin(wallet)
                with draft.recording.open('wb') as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                say(f'recording {draft.media_id}')
                kept = world.library.keep_clip(draft, world.finished(draft))
                world.clock.now_ms += 1000
                say(f'kept {kept.media_id}')
            owned = world.listed(person(wallet)) if wallet else world.listed(limit=200)
            if owned and (kind == 'delete' or len(owned) > MOST_KEPT):
                chosen = chance.choice(owned)
                # What is asked for is said first: it may be done without time to say so.
                say(f'deleting {chosen}')
                world.library.delete(person(wallet), chosen)
                say(f'deleted {chosen}')


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]))
