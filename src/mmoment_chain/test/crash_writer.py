"""Works on a store until it is killed, and says on standard output what is done for good.

Operation `n` of a round is always the same, so that whoever knows how many were done knows what the
store must hold: `expected` says it.
"""

import os
import sys

from store_world import WALLET, digest, opened, session

from mmoment_chain import challenge_records, consent_records, event_log, session_records
from mmoment_chain.challenge_records import ChallengeRecord

FOREVER_MS = 2**50


def operate(tx, round_number, n):
    """One operation: several tables and the event log, together."""
    name = f'{round_number}-{n - n % 4}'
    nonce = digest(f'nonce {name}')
    if n % 4 == 0:
        challenge_records.add(tx, ChallengeRecord(nonce, WALLET, 'cam', n, FOREVER_MS))
    elif n % 4 == 1:
        assert challenge_records.use(tx, nonce, n)
        visit = session(n, id=f'session-{name}', token_hash=digest(f'token {name}'))
        session_records.add(tx, visit)
    elif n % 4 == 2:
        assert session_records.renew(tx, f'session-{name}', digest(f'renewed {name}'), n, n)
        consent_records.give(tx, name, 'recognition-1', n)
    else:
        assert session_records.end(tx, f'session-{name}', n, 'check_out')
    event_log.append(tx, f'step_{n % 4}', WALLET, {'round': round_number, 'n': n})


def expected(done):
    """What `done` operations of a round leave: by how many steps each of its visits is on."""
    return [min(4, done - first) for first in range(0, done, 4)]


def found(query, round_number):
    """The same as the store has it, and whether every part of each step is there."""
    steps = []
    while True:
        name = f'{round_number}-{4 * len(steps)}'
        challenge = challenge_records.get(query, digest(f'nonce {name}'))
        visit = session_records.get(query, f'session-{name}')
        consents = consent_records.history(query, name)
        if challenge is None:
            assert visit is None
            assert consents == []
            return steps
        is_renewed = visit is not None and visit.token_hash == digest(f'renewed {name}')
        is_over = visit is not None and not visit.is_open
        assert (challenge.used_ms is not None) == (visit is not None)
        assert len(consents) == (1 if is_renewed or is_over else 0)
        assert is_over == (visit is not None and visit.token_hash is None)
        steps.append(1 + (visit is not None) + bool(consents) + is_over)


def main(folder, round_number, operations):
    with opened(folder) as store:
        for n in range(operations):
            with store.transaction() as tx:
                operate(tx, round_number, n)
            os.write(1, b'%d\n' % n)


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
