"""Tells the chain of a camera until it is killed, and says how far it is.

`outbox_drainer.py FOLDER URL SEED`: by somebody else. `... lines`: forks for each number that it is
given a process that kills itself before the line of the outbox that it would run as the so manieth.
"""

import asyncio
import itertools
import os
import signal
import sys
import threading

from outbox_world import CameraWorld

OURS = ('outbox.py', 'outbox_sending.py', 'visit_sending.py', 'visits.py', 'spending.py')


def say(text):
    # One write, which no kill cuts in two.
    os.write(1, f'{text}\n'.encode())


async def tell(client, world):
    outbox = world.outbox(client)
    outbox._on_change = lambda status: say(f'{status.log_there} {status.visits_waiting}')
    await outbox.run()


def kill_at(number):
    """Die by SIGKILL before that line."""
    lines = itertools.count(1)

    def line(frame, event, argument):
        if event == 'line' and next(lines) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame, event, argument):
        return line if os.path.basename(frame.f_code.co_filename) in OURS else None

    threading.settrace(call)
    sys.settrace(call)


def drain_and_die(arguments, number):
    """In a process of its own; returns what it ended with."""
    child = os.fork()
    if child == 0:
        try:
            with CameraWorld(*arguments, beside=True) as world:
                world.run(no_work)
                kill_at(number)
                world.drain()
        except BaseException as error:
            say(f'failed {error!r}')
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def no_work(client):
    await asyncio.sleep(0)


def main(folder, url, seed, *how):
    arguments = (folder, [url], seed)
    if not how:
        with CameraWorld(*arguments, beside=True) as world:
            world.run(lambda client: tell(client, world))
        return
    for line in sys.stdin:
        say(drain_and_die(arguments, int(line)))


if __name__ == '__main__':
    main(*sys.argv[1:])
