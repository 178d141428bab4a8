#!/usr/bin/env python3
"""A disk that fails: EIO at each of the first syncs of a new folder and at each of the first writes, and writes that are
short. The server ends – a sync that failed is never tried again – or answers with an error and goes on. Then the power is
cut, so that what the failed sync was for is gone, and the server starts on a disk that works: nothing acknowledged is
missing, twice or out of order. Each fault has a folder of its own, from the first start on.

`faults.py BINARY DISK [--syncs N] [--writes N] [--step N] [--short] [--seed N]`; a step of 7 tries each seventh.
"""
import collections
import random
import time

import load
import proof
from server import BROKEN, DYNAMODB, FIREHOSE, KINESIS, Client, Refusal

# So long a server may need to come to the fault, or to end of it.
PATIENCE_SECONDS = 30
# How often delivered objects are looked at, too, which takes longer.
DELIVERIES = 10


class Names:
    """What was acknowledged before there was a load: streams, tables and delivery streams."""

    LISTS = ((KINESIS, "ListStreams", "StreamNames"), (DYNAMODB, "ListTables", "TableNames"),
             (FIREHOSE, "ListDeliveryStreams", "DeliveryStreamNames"))

    @classmethod
    def of(cls, server):
        return {(operation, name) for service, operation, member in cls.LISTS
                for name in Client(server.port, service).call(operation)[member]}


def one(options, rng, order, number, verdict):
    """One folder with one fault; what came of it."""
    what = f"{order} {number}"
    disk = proof.Disk(options.disk)
    server = proof.Place(options.binary, disk)
    written, made = load.Load(server, rng, may_fail=True), set()
    try:
        disk.tell(f"{order} {number}")
        outcome = "not started"
        if server.starts():
            try:
                for _ in written.create(encrypt=rng.random() < 0.5):
                    made = Names.of(server)
                written.begin()
                outcome = passed(disk, server, order, number)
            except BROKEN + (Refusal,) as why:
                outcome = "refused" if isinstance(why, Refusal) and load.UNABLE.match(str(why)) else "ended"
                outcome = outcome if outcome == "refused" or server.ends(PATIENCE_SECONDS) else "silent"
        elif server.process.returncode == 0:
            verdict.expect(False, f"{what}: it did not start, and says it did well")
        verdict.expect(outcome != "silent", f"{what}: neither an answer nor an end")
        server.kill()
        written.join()
        disk.tell("count")
        disk.cut(rng)
        if verdict.expect(server.starts(), f"{what}: does not start again: {server.last_words()[-400:]}") and made:
            verdict.expect(made <= Names.of(server), f"{what}: {made - Names.of(server)} is gone")
            wrong = []
            if written.rounds:
                wrong = written.last_faults() if number % DELIVERIES == 0 else written.faults() + written.record_faults()
            for sentence in wrong[:3]:
                verdict.expect(False, f"{what} ({outcome}): {sentence}")
        return outcome, written.count()
    finally:
        written.end()
        server.close()
        disk.close()


def passed(disk, server, order, number):
    """Waits until the fault is behind us: the server has ended, or goes on."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            return "ended"
        if disk.counts()[1 if "write" in order else 0] >= number:
            return "ended" if server.ends(0.3) else "went on"
        time.sleep(0.02)
    return "not reached"


def main():
    options = proof.arguments(__doc__, syncs=(1000, 60), writes=(1000, 60), step=(1, 29))
    verdict, rng = proof.Verdict("faults"), random.Random(options.seed)
    figures = []
    for order, most in (("fail sync", options.syncs), ("fail write", options.writes), ("short write", options.writes)):
        outcomes, acknowledged = collections.Counter(), 0
        for number in range(1, most + 1, options.step):
            outcome, count = one(options, rng, order, number, verdict)
            outcomes[outcome] += 1
            acknowledged += count
            if number % 100 == 0:
                print(f"{order} {number}: {dict(outcomes)}", flush=True)
        told = ", ".join(f"{times} {outcome}" for outcome, times in sorted(outcomes.items()))
        figures.append(f"{order} at {sum(outcomes.values())} of the first {most}: {told}; {acknowledged} acknowledged")
        print(figures[-1], flush=True)
    verdict.say(f"{'; '.join(figures)}; seed {options.seed}")


if __name__ == "__main__":
    main()
