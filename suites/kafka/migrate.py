#!/usr/bin/env python3
"""Everything that a data folder holds goes to Kafka, back to a folder, and to Kafka again, each time cut short by kill -9 and
gone on with: streams (one encrypted, one split, one deleted), a table with an index and a stream, delivery streams with
records that wait. Wherever it is, all of it is there, under the same sequence numbers; readers go on from their checkpoints,
and what is put comes behind.

`migrate.py SERVER_BINARY --brokers ADDRESSES [--records N] [--seed N]`.
"""
import argparse
import base64
import gzip
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from nodes import DYNAMODB, Node, changes, patiently, records

# As `nodes` has put it on the way.
from firehose import ROLE
from server import FIREHOSE, Server

STREAM, SEALED, GONE, TABLE, DELIVERY, GROUPS = "plain", "sealed", "gone", "items", "delivery", 7


def shards(port, stream):
    return patiently([port], "ListShards", StreamName=stream)["Shards"]


def read(port, stream, shard, **position):
    """(sequence number, key, data, arrival) from a position on."""
    for record in records([port], StreamName=stream, ShardId=shard, **position):
        yield (record["SequenceNumber"], record["PartitionKey"], record["Data"], record["ApproximateArrivalTimestamp"])


def items(port, **request):
    while True:
        reply = patiently([port], "Scan", DYNAMODB, TableName=TABLE, ConsistentRead="IndexName" not in request, **request)
        yield from reply["Items"]
        if "LastEvaluatedKey" not in reply:
            return
        request["ExclusiveStartKey"] = reply["LastEvaluatedKey"]


def state(port):
    """All that a server holds, as its API tells it."""
    by_key = lambda item: item["k"]["S"]  # noqa: E731
    return {
        "streams": sorted(patiently([port], "ListStreams")["StreamNames"]),
        "shards": {name: shards(port, name) for name in (STREAM, SEALED)},
        "records": {(name, shard["ShardId"]): list(read(port, name, shard["ShardId"], ShardIteratorType="TRIM_HORIZON"))
                    for name in (STREAM, SEALED) for shard in shards(port, name)},
        "items": sorted(items(port), key=by_key),
        "index": sorted(items(port, IndexName="by-g"), key=by_key),
        "changes": sorted(((shard, record["eventID"], record["eventName"], record["dynamodb"])
                           for shard, record in changes(port, TABLE)), key=str),
        "delivery": patiently([port], "ListDeliveryStreams", FIREHOSE)["DeliveryStreamNames"],
    }


def create(port):
    for name, count in ((STREAM, 2), (SEALED, 1), (GONE, 1)):
        patiently([port], "CreateStream", StreamName=name, ShardCount=count)
    patiently([port], "StartStreamEncryption", StreamName=SEALED, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    names = [{"AttributeName": name, "AttributeType": "S"} for name in ("k", "g")]
    patiently([port], "CreateTable", DYNAMODB, TableName=TABLE, BillingMode="PAY_PER_REQUEST",
              AttributeDefinitions=names, KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
              GlobalSecondaryIndexes=[{"IndexName": "by-g", "Projection": {"ProjectionType": "ALL"},
                                       "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}]}],
              StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    destination = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::bucket", "Prefix": "objects/", "CompressionFormat": "GZIP",
                   "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 20}}
    patiently([port], "CreateDeliveryStream", FIREHOSE, DeliveryStreamName=DELIVERY, DeliveryStreamType="DirectPut",
              ExtendedS3DestinationConfiguration=destination)


def fill(ports, count, rng, delivered):
    """Records and items; nobody else writes."""
    for name in (STREAM, SEALED):
        for at in range(0, count, 100):
            some = [{"Data": base64.b64encode(f"{name} {number} ".encode() + rng.randbytes(rng.choice((1, 50, 3000)))).decode(),
                     "PartitionKey": str(rng.random())} for number in range(at, min(at + 100, count))]
            while some:
                answers = patiently(ports, "PutRecords", StreamName=name, Records=some)["Records"]
                some = [record for record, answer in zip(some, answers) if "ErrorCode" in answer]
    for number in range(0, count // 2, 25):
        puts = [{"PutRequest": {"Item": {"k": {"S": f"key-{rng.randrange(count)}-{place}"}, "x": {"S": "x" * rng.randrange(900)},
                                         "g": {"S": str(rng.randrange(GROUPS))}}}} for place in range(number, number + 25)]
        patiently(ports, "BatchWriteItem", DYNAMODB, RequestItems={TABLE: puts})
    lines = [f"line {len(delivered) + number}\n" for number in range(50)]
    data = [{"Data": base64.b64encode(line.encode()).decode()} for line in lines]
    answers = patiently(ports, "PutRecordBatch", FIREHOSE, DeliveryStreamName=DELIVERY, Records=data)["RequestResponses"]
    delivered += [line for line, answer in zip(lines, answers) if "ErrorCode" not in answer]


def moved(words, rng, cuts):
    """Runs the command, cut short some times. What it says in the end."""
    for _ in range(cuts):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            process.wait(timeout=rng.uniform(0.1, 3))
            break  # it was done before
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    else:
        process = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(process.stdout.strip(), flush=True)
        if process.returncode:
            sys.exit("it was not moved")
        return
    print("(done before it could be cut short)", process.stdout.read().strip(), flush=True)
    if process.returncode:
        sys.exit("it was not moved")


def differences(before, after, where):
    for what in before:
        if before[what] != after[what]:
            yield f"{where}: {what} differ: {str(before[what])[:300]} … {str(after[what])[:300]}"


def grown(before, after, where):
    """What was there is there still, in its place, and what came is behind it."""
    for (name, shard), held in before["records"].items():
        now = after["records"][(name, shard)]
        if now[:len(held)] != held:
            yield f"{where}: {name} {shard} does not go on behind what it held"
        numbers = [int(number) for number, *_ in now]
        if numbers != sorted(set(numbers)):
            yield f"{where}: the sequence numbers of {name} {shard} do not rise"
    if not set(map(str, before["changes"])) <= set(map(str, after["changes"])):
        yield f"{where}: changes are gone"


def reread(port, before, where, rng):
    """Readers go on from a number they have kept, and find a time."""
    for (name, shard), held in before["records"].items():
        if not held:
            continue
        at = rng.randrange(len(held))
        kept = {"StartingSequenceNumber": held[at][0]}
        for kind, expected in (("AT_SEQUENCE_NUMBER", held[at:]), ("AFTER_SEQUENCE_NUMBER", held[at + 1:])):
            if list(read(port, name, shard, ShardIteratorType=kind, **kept)) != expected:
                yield f"{where}: {kind} {held[at][0]} of {name} {shard} reads something else"
        since = [record for record in held if record[3] >= held[at][3]]
        found = list(read(port, name, shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=held[at][3]))
        if found != since:
            yield f"{where}: AT_TIMESTAMP {held[at][3]} of {name} {shard} reads {len(found)}, not {len(since)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--records", type=int, default=3000)
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    binary, wrong, delivered = os.path.abspath(options.binary), [], []
    single = ["--allow-single-replica"] if "," not in options.brokers else []
    # The key of the folder, not that of the suite.
    os.environ.pop("HEADWATER_MASTER_KEY", None)
    with tempfile.TemporaryDirectory(prefix="headwater-migrate-") as folder:
        folder = pathlib.Path(folder)
        (folder / "first").mkdir()
        disk = Server(binary, folder / "first")
        disk.start()
        create(disk.port)
        fill([disk.port], options.records, rng, delivered)
        whole = shards(disk.port, STREAM)[0]
        middle = (int(whole["HashKeyRange"]["StartingHashKey"]) + int(whole["HashKeyRange"]["EndingHashKey"])) // 2
        patiently([disk.port], "SplitShard", StreamName=STREAM, ShardToSplit=whole["ShardId"], NewStartingHashKey=str(middle))
        patiently([disk.port], "DeleteStream", StreamName=GONE)
        fill([disk.port], options.records, rng, delivered)
        folders = [disk.data]
        for turn in (1, 2):
            before = state(disk.port)
            disk.kill()
            prefix, key = f"migrate-{options.seed}-{turn}", disk.data / "keys" / "master.key"
            cluster = ["--brokers", options.brokers, "--kafka-prefix", prefix, *single]
            begun = time.monotonic()
            move = [binary, "migrate", "to-kafka", "--data", str(disk.data), *cluster]
            cut = subprocess.Popen(move, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(1)
            cut.kill()
            # Where it was done by then, it would be refused to do it again.
            if cut.wait():
                early = Node(binary, folder / f"early-{turn}", options.brokers, prefix, "--master-key-file", str(key))
                if early.starts() or "is being moved" not in early.last_words():
                    wrong.append(f"turn {turn}: a server starts in the middle: {early.last_words()[-300:]}")
                    early.kill()
                moved(move, rng, options.cuts)
            print(f"turn {turn}: to Kafka in {time.monotonic() - begun:.1f} s, with what was cut short", flush=True)
            nodes = [Node(binary, folder / f"{name}-{turn}", options.brokers, prefix, "--master-key-file", str(key))
                     for name in ("one", "two")]
            for node in nodes:
                node.start()
                folders.append(node.data)
            for node in nodes:
                where = f"turn {turn}, Kafka"
                wrong += differences(before, state(node.port), where)
                wrong += reread(node.port, before, where, rng)
            ports = [node.port for node in nodes]
            fill(ports, options.records // 3, rng, delivered)
            child = shards(ports[0], STREAM)[-1]
            middle = (int(child["HashKeyRange"]["StartingHashKey"]) + int(child["HashKeyRange"]["EndingHashKey"])) // 2
            patiently(ports, "SplitShard", StreamName=STREAM, ShardToSplit=child["ShardId"], NewStartingHashKey=str(middle))
            fill(ports, options.records // 3, rng, delivered)
            wrong += grown(before, before := state(ports[1]), f"turn {turn}, Kafka")
            back = folder / f"back-{turn}"
            back.mkdir()
            move = [binary, "migrate", "to-disk", "--data", str(back / "data"), "--master-key-file", str(key), *cluster]
            refused = subprocess.run(move, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if not refused.returncode or "stop them first" not in refused.stdout:
                wrong.append(f"turn {turn}: moved while servers run: {refused.stdout}")
            for node in nodes:
                node.kill()
            begun = time.monotonic()
            moved(move, rng, options.cuts)
            print(f"turn {turn}: to the disk in {time.monotonic() - begun:.1f} s, with what was cut short", flush=True)
            disk = Server(binary, back)
            checked = subprocess.run([binary, "fsck", "--data", str(disk.data)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     check=False)
            if checked.returncode:
                wrong.append(f"turn {turn}: fsck: {checked.stdout[-500:]}")
            disk.start()
            folders.append(disk.data)
            wrong += differences(before, state(disk.port), f"turn {turn}, disk")
            wrong += reread(disk.port, before, f"turn {turn}, disk", rng)
            fill([disk.port], options.records // 3, rng, delivered)
            wrong += grown(before, state(disk.port), f"turn {turn}, disk")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            objects = [path for data in folders for path in data.rglob("*.gz")]
            lines = [line for path in objects for line in gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)]
            if set(delivered) <= set(lines):
                break
            time.sleep(0.5)
        else:
            wrong.append(f"{len(set(delivered) - set(lines))} of {len(delivered)} lines were not delivered")
        last = state(disk.port)
        disk.kill()
        wrong += [line for path in folder.rglob("server.log") for line in path.read_text(errors="replace").splitlines()
                  if "panicked" in line]
    for sentence in wrong[:20]:
        print("FAILED", sentence)
    print(f"{sum(map(len, last['records'].values()))} records, {len(last['items'])} items, {len(last['changes'])} changes, "
          f"{len(delivered)} lines, {len(wrong)} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
