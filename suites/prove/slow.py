#!/usr/bin/env python3
"""A slow disk, 2 MB/s and 50 ms for each sync: writers that wait for their answers, more than the disk can take at once, and
readers beside them. Answers take as long as a few syncs, as what waits shares them; the memory stays bounded; nothing
acknowledged is lost when the power goes in the middle of it.

`slow.py BINARY DISK [--seconds N] [--short] [--seed N]`; a short run does not look at how long answers took.
"""
import random
import threading
import time

import proof
import dynamo
import kill9
from server import DYNAMODB, STREAMS, Client

BYTES_A_SECOND, SYNC_MS = 2_000_000, 50
KINESIS_WRITERS, TABLE_WRITERS, RECORD_BYTES = 16, 16, 500
MOST_SYNCS = 4
MOST_GROWTH_BYTES = 150 << 20


class Timed(Client):
    """Notes how long each call of one kind took."""

    def __init__(self, port, service, times):
        super().__init__(port, service)
        self.times = times

    def call(self, operation, **request):
        answer, took = proof.timed(lambda: super(Timed, self).call(operation, **request))
        if operation in ("PutRecord", "PutItem", "UpdateItem", "DeleteItem"):
            self.times.append(took)
        return answer


class Recorder(kill9.Writer):
    """Puts small records, one by one."""

    def __init__(self, name, port, rng, acknowledged, refused, times):
        super().__init__(name, port, rng, acknowledged, refused)
        self.client = Timed(port, self.client.service, times)
        self.rng.random, self.rng.choice = lambda: 0, lambda _: RECORD_BYTES


def main():
    options = proof.arguments(__doc__, seconds=(60, 3))
    verdict, rng = proof.Verdict("slow"), random.Random(options.seed)
    disk, times, acknowledged, refused, known = proof.Disk(options.disk), [], {}, [], dynamo.Known()
    server = proof.Place(options.binary, disk)
    try:
        server.start()
        Client(server.port).call("CreateStream", StreamName=kill9.STREAM, ShardCount=kill9.SHARDS)
        dynamo.create(Client(server.port, DYNAMODB))
        disk.tell("median")
        disk.tell(f"slow {BYTES_A_SECOND} {SYNC_MS}")
        before = server.memory_bytes()
        writers = [Recorder(f"k{number}", server.port, random.Random(rng.random()), acknowledged, refused, times)
                   for number in range(KINESIS_WRITERS)]
        for number in range(TABLE_WRITERS):
            writers.append(dynamo.Writer(f"w{number}", server.port, random.Random(rng.random()), known, False))
            writers[-1].client = Timed(server.port, DYNAMODB, times)
        stopper = threading.Event()
        [writer.start() for writer in writers]
        most, deadline = 0, time.monotonic() + options.seconds
        while not stopper.wait(0.2) and time.monotonic() < deadline:
            most = max(most, server.memory_bytes())
        syncs, sync_ms = disk.counts()[0], int(disk.tell("median"))
        server.kill()
        known.kills.append(time.monotonic())
        [writer.join() for writer in writers]
        lost, _ = disk.cut(rng)
        disk.tell("slow 0 0")
        if verdict.expect(server.starts(), f"it does not start again: {server.last_words()[-500:]}"):
            dynamo.check(Client(server.port, DYNAMODB), Client(server.port, STREAMS), known)
            for sentence in refused + known.faults + list(kill9.faults(Client(server.port), acknowledged)):
                verdict.expect(False, sentence)
    finally:
        server.close()
        disk.close()
    middle, tail, longest = (proof.percentile(times, share) * 1000 for share in (0.5, 0.99, 1))
    growth = (most - before) >> 20
    verdict.expect(growth << 20 <= MOST_GROWTH_BYTES, f"the memory grew by {growth} MiB")
    if not options.short:
        verdict.expect(tail <= MOST_SYNCS * sync_ms, f"p99 of {tail:.0f} ms is more than {MOST_SYNCS} syncs of {sync_ms} ms")
    verdict.say(f"{options.seconds} s at {BYTES_A_SECOND / 1e6:.0f} MB/s and {SYNC_MS} ms a sync, {syncs} syncs of {sync_ms} ms: {len(times)} "
                f"writes, p50 {middle:.0f} ms, p99 {tail:.0f} ms, longest {longest:.0f} ms; memory +{growth} MiB; "
                f"{lost} pages forgotten at the end; seed {options.seed}")


if __name__ == "__main__":
    main()
