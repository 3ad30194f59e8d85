"""Fixed bytes of the camera registry: every instruction, and every kind of account as the chain keeps it.

`python test/program_vectors.py` writes the file anew, which is right only for a program of another
address or with another layout: transactions and accounts that are there would not be understood.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from program_scenes import SCENES, Scene
from program_world import ProgramWorld
from solders.instruction import Instruction

from mmoment_chain.program_layout import tag
from mmoment_chain.wallet import wallet_text

FILE = Path(__file__).parent / 'vectors' / 'program.json'
# Scenes after which the account of that kind is as interesting as it gets.
KEPT = {
    'Camera': 'append_log',
    'Session': 'check_out_public',
    'Grant': 'grant_again',
    'Face': 'seal_face',
}


def instruction_vector(name: str, scene: Scene) -> dict[str, Any]:
    made = scene(ProgramWorld())
    return {'scene': name, 'data': made.data.hex(), 'accounts': [*map(account, made.accounts)]}


def account(meta: Any) -> str:
    """Address, and whether it signs and is written to."""
    marks = ('s' if meta.is_signer else '') + ('w' if meta.is_writable else '')
    return f'{wallet_text(bytes(meta.pubkey))} {marks}'.rstrip()


def account_vector(kind: str, scene: str) -> dict[str, str]:
    world = ProgramWorld()
    made: Instruction = SCENES[scene][1](world)
    world.must(made)
    keys = [bytes(meta.pubkey) for meta in made.accounts]
    found = next(data for data in map(world.data, keys) if data.startswith(tag(kind)))
    return {'kind': kind, 'scene': scene, 'data': found.hex()}


def make() -> dict[str, Any]:
    return {
        'about': 'Instructions and accounts of the camera registry. Made by test/program_vectors.py.',
        'instructions': [instruction_vector(name, scene) for name, (_, scene) in SCENES.items()],
        'accounts': [account_vector(kind, scene) for kind, scene in KEPT.items()],
    }


if __name__ == '__main__':
    FILE.write_text(json.dumps(make(), indent=2) + '\n', encoding='utf-8')
