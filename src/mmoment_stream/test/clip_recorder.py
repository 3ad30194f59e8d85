"""Records a clip until it is killed, and says on standard output what it has added, and when.

Arguments: the file of the clip, and a pickled list of packets, 30 a second, which begins anew when
it is over. The first two seconds are added at once, as those before a gesture are; the others as
time goes by.
"""

import dataclasses
import itertools
import os
import pickle
import sys
import time
from pathlib import Path

from mmoment_stream.clip_writer import ClipWriter

FPS = 30
AT_ONCE = 60
INTERVAL_NS = 1_000_000_000 // FPS


def main(path, packets_path):
    packets = pickle.loads(Path(packets_path).read_bytes())
    start_ns = time.monotonic_ns() - AT_ONCE * INTERVAL_NS
    writer = None
    # However late the kill is, it does not meet a recorder that has run out of packets.
    for number, packet in enumerate(itertools.cycle(packets)):
        moment_ns = start_ns + number * INTERVAL_NS
        time.sleep(max(0.0, (moment_ns - time.monotonic_ns()) / 1e9))
        taken = dataclasses.replace(packet, monotonic_ns=moment_ns, sequence=number + 1)
        if writer is None:
            writer = ClipWriter(Path(path), taken)
        assert writer.add(taken)
        os.write(1, b'%d %d\n' % (number, time.monotonic_ns()))


if __name__ == '__main__':
    main(*sys.argv[1:])
