#!/usr/bin/env python3
"""A table of millions of items on Kafka, and a server that comes later: one server takes in the items, a second one with an
empty folder reads the newest snapshot and the rest of the log while items go on changing, and then both must say the same:
how many items there are, and what some thousands of them hold. Tells how long it took, and what each server holds.

`large.py SERVER_BINARY --brokers ADDRESSES [--items N] [--bytes N]`.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

from nodes import DYNAMODB, KEYED_BY_K, MASTER_KEY, patiently
from snapshots import BATCH, LOADED, WRITTEN, Snapshotting, put_all

TABLE, WRITERS, LOOKS, PARTS = "large", 6, 5_000, 4


def item(number, version, size):
    return {"k": {"S": f"key-{number}"}, "n": {"N": str(version)}, "x": {"S": f"{number:016x}" * (size // 16)}}


def fill(port, numbers, size):
    """Puts the items of a range, one batch after the other."""
    for at in range(0, len(numbers), BATCH):
        put_all([port], TABLE, [item(number, 0, size) for number in numbers[at:at + BATCH]])


def count(port):
    """How many items there are in the rows of one server."""
    def part(segment):
        request, items = {}, 0
        while True:
            reply = patiently([port], "Scan", DYNAMODB, TableName=TABLE, Select="COUNT", Segment=segment, TotalSegments=PARTS, **request)
            items += reply["Count"]
            if "LastEvaluatedKey" not in reply:
                return items
            request["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    with concurrent.futures.ThreadPoolExecutor(PARTS) as pool:
        return sum(pool.map(part, range(PARTS)))


def get(port, number):
    return patiently([port], "GetItem", DYNAMODB, TableName=TABLE, Key={"k": {"S": f"key-{number}"}}, ConsistentRead=True).get("Item")


def held(node):
    status = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024
    folder = int(subprocess.run(["du", "-sm", node.data], capture_output=True, text=True, check=True).stdout.split()[0])
    return f"{resident} MiB of memory, {folder} MiB in its folder"


class Changes(threading.Thread):
    """Puts items anew, one at a time, until told to stop."""

    def __init__(self, port, options):
        super().__init__(daemon=True)
        self.port, self.options, self.versions, self.over = port, options, {}, threading.Event()

    def run(self):
        rng = random.Random(self.options.items)
        for version in itertools.count(1):
            if self.over.is_set():
                return
            number = rng.randrange(self.options.items)
            patiently([self.port], "PutItem", DYNAMODB, TableName=TABLE, Item=item(number, version, self.options.bytes))
            self.versions[number] = version


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--bytes", type=int, default=96)
    options = parser.parse_args()
    os.environ["HEADWATER_MASTER_KEY"] = MASTER_KEY
    with tempfile.TemporaryDirectory(prefix="headwater-large-") as folder:
        prefix = f"large-{os.getpid()}"
        first, second = (Snapshotting(os.path.abspath(options.binary), pathlib.Path(folder) / name, options.brokers, prefix)
                         for name in ("first", "second"))
        first.start()
        patiently([first.port], "CreateTable", DYNAMODB, TableName=TABLE, **KEYED_BY_K)
        begun, step = time.monotonic(), max(BATCH, options.items // 200)
        ranges = [range(at, min(at + step, options.items)) for at in range(0, options.items, step)]
        with concurrent.futures.ProcessPoolExecutor(WRITERS) as pool:
            filling = [pool.submit(fill, first.port, numbers, options.bytes) for numbers in ranges]
            for done, filled in enumerate(concurrent.futures.as_completed(filling), 1):
                filled.result()
                if done % 20 == 0:
                    print(f"{done * step:,} items after {time.monotonic() - begun:.0f} s; {held(first)}; "
                          f"{first.says(WRITTEN)} snapshots", flush=True)
        changes = Changes(first.port, options)
        changes.start()
        begun = time.monotonic()
        second.start()
        ready = time.monotonic() - begun
        some = random.Random(1).sample(range(options.items), LOOKS)
        get(second.port, some[0])
        print(f"the second server is ready after {ready:.1f} s and reads what was acknowledged after "
              f"{time.monotonic() - begun:.1f} s; snapshots loaded: {second.says(LOADED)}; {held(second)}", flush=True)
        changes.over.set()
        changes.join()
        faults = []
        for node in (first, second):
            begun, found = time.monotonic(), count(node.port)
            print(f"{found:,} items counted at {node.port} in {time.monotonic() - begun:.0f} s", flush=True)
            if found != options.items:
                faults.append(f"{found} items are counted at {node.port}, and {options.items} were put")
            looked = itertools.chain(((number, changes.versions.get(number, 0)) for number in some), list(changes.versions.items())[-LOOKS:])
            wrong = sum(get(node.port, number) != item(number, version, options.bytes) for number, version in looked)
            if wrong:
                faults.append(f"{wrong} items at {node.port} are not as they were put")
        print(json.dumps({"items": options.items, "changedMeanwhile": len(changes.versions), "faults": faults}))
        for node in (first, second):
            node.kill()
    sys.exit("\n".join(["FAILED", *faults]) if faults else 0)


if __name__ == "__main__":
    main()
