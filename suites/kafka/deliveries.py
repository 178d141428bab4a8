#!/usr/bin/env python3
"""Servers on one Kafka share the work of delivering: delivery streams – of a stream, and put to directly, some through a
function – are divided among those that are there. Servers are killed and started again under load; in the end every
acknowledged record stands in the objects of each delivery stream that was to have it, at least once.

`deliveries.py SERVER_BINARY --brokers ADDRESSES [--nodes N] [--rounds N] [--seed N]`.
"""
import argparse
import collections
import os
import random
import sys
import tempfile
import threading
import time

from nodes import MASTER_KEY, PASSING, patiently, started

# As `nodes` has put it on the way.
import firehose
from server import BROKEN, FIREHOSE, Refusal

MORE = 8
DRAIN_SECONDS = 120


class Writer(firehose.Writer):
    """Goes on wherever a server answers, until it is told to stop."""

    def __init__(self, ports, *words):
        super().__init__(ports[0], *words)
        self.ports, self.stopped = ports, threading.Event()

    def run(self):
        while not self.stopped.is_set():
            try:
                self.put(self.rng.choice(("stream", "direct", "direct-shouted")))
            except (Refusal, *BROKEN) as error:
                if isinstance(error, Refusal) and error.code not in PASSING:
                    self.refused.append(str(error))
                self.connect(self.rng.choice(self.ports))
                time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    os.environ["HEADWATER_MASTER_KEY"] = MASTER_KEY
    firehose.DELIVERIES |= {f"from-stream-{number}": ("stream", False) for number in range(MORE)}
    acknowledged, refused, seen = collections.defaultdict(set), [], {}
    with tempfile.TemporaryDirectory(prefix="headwater-deliveries-") as folder:
        nodes = started(options.nodes, options.binary, folder, options.brokers, f"deliveries-{options.seed}")
        buckets, ports = [node.data / "s3" / firehose.BUCKET for node in nodes], [node.port for node in nodes]
        patiently(ports, "ListDeliveryStreams", FIREHOSE)
        firehose.create(ports[0])
        for port in ports:
            firehose.Runtime(port).start()
        writers = [Writer(ports, random.Random(rng.random()), acknowledged, refused) for _ in range(firehose.WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(10)
        # By the server that wrote it, what was delivered while all were there.
        divided = [{path.relative_to(bucket).parts[0] for path in bucket.rglob("*.gz")} for bucket in buckets]
        for number in range(options.rounds):
            victim = rng.choice(nodes)
            victim.kill()
            time.sleep(rng.uniform(0.5, 6))
            victim.start()
            time.sleep(rng.uniform(0.5, 4))
            print(f"round {number + 1}: {sum(map(len, acknowledged.values()))} acknowledged", flush=True)
        for writer in writers:
            writer.stopped.set()
        for writer in writers:
            writer.join()

        def missing():
            for bucket in buckets:
                found = firehose.arrived(bucket, seen)
            return {name: lines for name, lines in firehose.missing(acknowledged, found).items() if lines}

        deadline = time.monotonic() + DRAIN_SECONDS
        while missing() and time.monotonic() < deadline:
            time.sleep(0.2)
        lost, found = missing(), seen["found"]
        again = sum(count - 1 for lines in found.values() for count in lines.values())
        panics = [line for node in nodes for line in node.log_path.read_text(errors="replace").splitlines() if "panicked" in line]
        for node in nodes:
            node.kill()
    plain = [name for name, (_, is_shouted) in firehose.DELIVERIES.items() if not is_shouted]
    of_each = [sum(name in names for name in plain) for names in divided]
    wrong = [f"{name}: {len(lines)} lost, {sorted(lines)[:3]}" for name, lines in lost.items()]
    wrong += refused + panics
    if min(of_each) == 0:
        wrong.append(f"the work is not divided: {of_each}")
    for sentence in wrong[:20]:
        print("FAILED", sentence)
    print(f"{sum(map(len, acknowledged.values()))} acknowledged, {sum(map(len, found.values()))} in objects of "
          f"{len(firehose.DELIVERIES)} delivery streams, {again} again, divided {of_each}, {len(wrong)} faults; seed {options.seed}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
