#!/usr/bin/env python3
"""The tables' log on Kafka is trimmed behind snapshots, and servers that come later, or were behind, have the same rows:
a table with an index and a stream is filled by two servers, one of which is stopped meanwhile; a third, with an empty
folder, is killed while it begins and started again. Then all of them are asked for all items, by scan and through the
index, and for all changes, and must say the same, which is what was acknowledged.

`snapshots.py SERVER_BINARY --brokers ADDRESSES [--items N] [--seed N]`.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

from nodes import DYNAMODB, MASTER_KEY, Node, changes, patiently

TABLE, GROUPS, BATCH, WRITERS = "snapshots", 50, 25, 8
SNAPSHOT_BYTES = 2 << 20
WRITTEN, LOADED = "a snapshot of the tables is whole", "the snapshot of the tables is loaded"
PATIENCE_SECONDS = 120


class Snapshotting(Node):
    """A server that tells of snapshots."""

    def says(self, sentence):
        return self.log_path.read_text(errors="replace").count(sentence)


def item(number, version):
    group = f"group-{(number + version) % GROUPS}"
    return {"k": {"S": f"key-{number}"}, "g": {"S": group}, "n": {"N": str(version)}, "x": {"S": "x" * (number % 500)}}


def put_all(ports, table, items):
    """Puts the items of one batch, however often some are left."""
    left = {table: [{"PutRequest": {"Item": each}} for each in items]}
    while left:
        left = patiently(ports, "BatchWriteItem", DYNAMODB, RequestItems=left).get("UnprocessedItems")


def fill(ports, numbers, version):
    """Puts the items of these numbers."""
    batches = [[item(number, version) for number in numbers[at:at + BATCH]] for at in range(0, len(numbers), BATCH)]
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda batch: put_all(ports, TABLE, batch), batches))


def pages(port, operation, **request):
    """All items, page by page, as they stand in the rows of one server."""
    while True:
        reply = patiently([port], operation, DYNAMODB, TableName=TABLE, **request)
        yield from reply["Items"]
        if "LastEvaluatedKey" not in reply:
            return
        request["ExclusiveStartKey"] = reply["LastEvaluatedKey"]


def held(port):
    """Everything that a server has."""
    patiently([port], "GetItem", DYNAMODB, TableName=TABLE, Key={"k": {"S": "key-0"}}, ConsistentRead=True)
    grouped = [found for group in range(GROUPS) for found in pages(
        port, "Query", IndexName="by-g", KeyConditionExpression="g = :g",
        ExpressionAttributeValues={":g": {"S": f"group-{group}"}})]
    return list(pages(port, "Scan")), grouped, [record["dynamodb"] for _, record in changes(port, TABLE)]


def faults(nodes, versions, acknowledged):
    """Everything that is wrong, as sentences."""
    scanned, grouped, changed = held(nodes[0].port)
    expected = {number: item(number, version) for number, version in versions.items()}
    found = {int(row["k"]["S"].split("-")[1]): row for row in scanned}
    if found != expected:
        differ = sum(found.get(number) != put for number, put in expected.items())
        yield f"{len(found)} items are found, and {len(expected)} were put; {differ} are not as they were put"
    if sorted(map(str, grouped)) != sorted(map(str, scanned)):
        yield f"the index holds {len(grouped)} items, the table {len(scanned)}"
    if len(changed) != acknowledged:
        yield f"the stream holds {len(changed)} changes, and {acknowledged} were made"
    kinds, here = ("items", "items by index", "changes"), (scanned, grouped, changed)
    for node in nodes[1:]:
        for kind, ours, others in zip(kinds, here, held(node.port)):
            if ours != others:
                yield f"{len(others)} {kind} at {node.port} are not the {len(ours)} of the first server"


def wait(what, is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit(f"FAILED {what} does not come")
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    os.environ["HEADWATER_MASTER_KEY"] = MASTER_KEY
    rng = random.Random(options.seed)
    print(f"seed {options.seed}, {options.items} items")
    with tempfile.TemporaryDirectory(prefix="headwater-snapshots-") as folder:
        def node(name):
            return Snapshotting(os.path.abspath(options.binary), pathlib.Path(folder) / name, options.brokers,
                                f"snapshots-{options.seed}", "--table-snapshot-bytes", str(SNAPSHOT_BYTES))

        first, second, third = nodes = [node(name) for name in ("first", "second", "third")]
        first.start()
        second.start()
        names = [{"AttributeName": name, "AttributeType": "S"} for name in ("k", "g")]
        patiently([first.port], "CreateTable", DYNAMODB, TableName=TABLE, BillingMode="PAY_PER_REQUEST",
                  AttributeDefinitions=names, KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                  GlobalSecondaryIndexes=[{"IndexName": "by-g", "Projection": {"ProjectionType": "ALL"},
                                           "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}]}],
                  StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        begun = time.monotonic()
        everything = list(range(options.items))
        fill([first.port, second.port], everything, 1)
        versions = dict.fromkeys(everything, 1)
        print(f"filled in {time.monotonic() - begun:.1f} s; {first.says(WRITTEN)} snapshots", flush=True)
        # The second falls behind what is trimmed.
        second.process.send_signal(signal.SIGSTOP)
        written, version, acknowledged = first.says(WRITTEN), 1, options.items
        while first.says(WRITTEN) < written + 2:
            version += 1
            some = rng.sample(everything, options.items // 4)
            fill([first.port], some, version)
            versions.update(dict.fromkeys(some, version))
            acknowledged += len(some)
        print(f"written on; {first.says(WRITTEN)} snapshots", flush=True)
        second.process.send_signal(signal.SIGCONT)
        wait("what the second has missed", lambda: second.says(LOADED))
        for _ in range(3):
            begins = subprocess.Popen(third.command(), stdout=third.log, stderr=third.log, stdin=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.2, 1.5))
            begins.kill()
            begins.wait()
        begun = time.monotonic()
        third.start()
        begun = time.monotonic() - begun
        size = re.findall(r"bytes=(\d+)", third.log_path.read_text(errors="replace"))[-1:]
        print(f"the third begins in {begun:.1f} s, with a snapshot of {''.join(size)} bytes", flush=True)
        wrong = [] if third.says(LOADED) else ["the third has not loaded a snapshot"]
        wrong += list(faults(nodes, versions, acknowledged))
        # Whoever was loaded can lead.
        first.kill()
        second.kill()
        fill([third.port], everything[:BATCH], version + 1)
        versions.update(dict.fromkeys(everything[:BATCH], version + 1))
        wrong += list(faults([third], versions, acknowledged + len(everything[:BATCH])))
        wrong += [line for each in nodes for line in each.log_path.read_text(errors="replace").splitlines()
                  if "panicked" in line]
        third.kill()
    for sentence in wrong[:20]:
        print("FAILED", sentence)
    print(f"{options.items} items, {acknowledged} changes, {len(wrong)} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
