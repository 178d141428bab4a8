#!/usr/bin/env python3
"""Bits that flip: a folder with known contents – streams, one of them encrypted, tables, a journal sorted and unsorted –
is copied, one bit of one of its files is turned over, and a server started on the copy. What it serves are the bytes that
were put, in their order. What is missing it has told in its log, or `headwater fsck` tells; a flip costs one shard at most,
all others are served whole. Where what is damaged cannot be done without, the server says so and does not start.

Delivered objects are left out: they are the user's files, which the server does not read.

`flips.py BINARY DISK [--flips N] [--short] [--seed N]`.
"""
import base64
import collections
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile

import proof
from server import BROKEN, DYNAMODB, KEYED_BY_K, KINESIS, Client, Refusal

STREAMS, SHARDS, RECORDS, ITEMS, LIVES = 5, 2, 24, 700, 3
# Small tables of rows, so that some are in files.
ARGUMENTS = ("--cache-bytes", str(16 << 20))
# What the log says of damage, and how a server that does not start ends: in a sentence.
TOLD = re.compile(r"damaged|cannot be read|made again", re.IGNORECASE)
SENTENCE = re.compile(r"^headwater: \S", re.MULTILINE)
SECTOR = 512


def fill(server, rng):
    """Writes what is known, over some lives of the server; it ends by itself each time."""
    for life in range(LIVES):
        server.start()
        kinesis, dynamodb = Client(server.port, KINESIS), Client(server.port, DYNAMODB)
        if life == 0:
            for number in range(STREAMS):
                kinesis.call("CreateStream", StreamName=f"s{number}", ShardCount=SHARDS)
            kinesis.call("StartStreamEncryption", StreamName="s0", EncryptionType="KMS", KeyId="alias/aws/kinesis")
            for name in ("table-0", "table-1"):
                dynamodb.call("CreateTable", TableName=name, **KEYED_BY_K)
        for number in range(RECORDS * STREAMS):
            data = base64.b64encode(b"%d.%d " % (life, number) + rng.randbytes(rng.choice((5, 200, 3000)))).decode()
            kinesis.call("PutRecord", StreamName=f"s{number % STREAMS}", PartitionKey=str(number), Data=data)
        for number in range(ITEMS):
            item = {"k": {"S": f"{life}.{number}"}, "v": {"B": base64.b64encode(rng.randbytes(1500)).decode()}}
            dynamodb.call("PutItem", TableName=f"table-{number % 2}", Item=item)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait()


def shards(client):
    """All records of each shard; an error instead where reading ends with one."""
    held = {}
    for number in range(STREAMS):
        for shard in range(SHARDS):
            where = {"StreamName": f"s{number}", "ShardId": f"shardId-{shard:012}"}
            try:
                held[number, shard] = list(records(client, where))
            except Refusal as refusal:
                held[number, shard] = refusal
    return held


def records(client, where):
    at = client.call("GetShardIterator", ShardIteratorType="TRIM_HORIZON", **where)["ShardIterator"]
    while True:
        page = client.call("GetRecords", ShardIterator=at)
        yield from ((record["SequenceNumber"], record["PartitionKey"], record["Data"]) for record in page["Records"])
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            return
        at = page["NextShardIterator"]


def tables(client):
    held = {}
    for name in ("table-0", "table-1"):
        more, items = {}, {}
        try:
            while True:
                page = client.call("Scan", TableName=name, **more)
                items |= {item["k"]["S"]: item["v"]["B"] for item in page["Items"]}
                if "LastEvaluatedKey" not in page:
                    break
                more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            held[name] = items
        except Refusal as refusal:
            held[name] = refusal
    return held


class Files:
    """The files that bits are flipped in, and where in them something stands."""

    def __init__(self, folder):
        self.folder = folder
        self.names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*")
                            if path.is_file() and path.stat().st_size and "s3" not in path.relative_to(folder).parts[:1])
        self.used = {}
        for name in self.names:
            data = (folder / name).read_bytes()
            self.used[name] = [at for at in range(0, len(data), SECTOR) if data[at:at + SECTOR].strip(b"\0")]

    def choose(self, rng):
        """A file, and a bit in it: mostly where something stands."""
        name = rng.choice(self.names)
        size = (self.folder / name).stat().st_size
        used = self.used[name]
        at = rng.choice(used) + rng.randrange(SECTOR) if used and rng.random() < 0.9 else rng.randrange(size)
        return name, min(at, size - 1), rng.randrange(8)


def flip(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes((byte ^ 1 << bit,)))


def kind(name):
    """What a file is, without its number."""
    return re.sub(r"[0-9a-f]{8}|\d+", "N", name)


def is_part(some, whole):
    """Whether `some` are of `whole`, in its order."""
    rest = iter(whole)
    return all(one in rest for one in some)


def trial(binary, server, known, what, verdict):
    """What came of one flip; `known` are the shards and tables as they were."""
    fsck = subprocess.run([binary, "fsck", "--data", server.data], capture_output=True, text=True)
    is_told = fsck.returncode != 0
    if not server.starts():
        said = server.last_words()
        verdict.expect(SENTENCE.search(said), f"{what}: it does not start, and says: {said[-300:]}")
        return "refused"
    try:
        found = shards(Client(server.port, KINESIS)), tables(Client(server.port, DYNAMODB))
    except BROKEN:
        server.kill()
        verdict.expect(TOLD.search(server.last_words()), f"{what}: it ended: {server.last_words()[-300:]}")
        return "ended"
    server.kill()
    said = [line for line in server.last_words().splitlines() if "ERROR" in line or "WARN" in line]
    is_told = is_told or any(TOLD.search(line) for line in said)
    short = 0
    for shard, whole in known[0].items():
        some = found[0][shard]
        if isinstance(some, Refusal):
            short, is_told = short + 1, True
            verdict.expect(some.code, f"{what}: {some}")
        elif some != whole:
            short += 1
            verdict.expect(is_part(some, whole), f"{what}: wrong records in shard {shard}")
    lacking = 0
    for name, whole in known[1].items():
        some = found[1][name]
        if isinstance(some, Refusal):
            lacking, is_told = lacking + 1, True
        elif some != whole:
            lacking += 1
            verdict.expect(some.items() <= whole.items(), f"{what}: wrong items in {name}")
    verdict.expect(short + lacking == 0 or is_told, f"{what}: {short} shards and {lacking} tables lack something, untold")
    encrypted = what.startswith("keys/")
    verdict.expect(short <= (SHARDS if encrypted else 1), f"{what}: {short} shards lack something")
    if short + lacking:
        return "part lost and told"
    return "whole and told" if is_told else "whole"


def main():
    options = proof.arguments(__doc__, flips=(10_000, 25))
    verdict, rng, outcomes = proof.Verdict("flips"), random.Random(options.seed), collections.Counter()
    base = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="headwater-flips-", dir=base))
    server = proof.Place(options.binary, arguments=ARGUMENTS)
    try:
        server.data = folder / "template"
        fill(server, rng)
        shutil.copytree(server.data, folder / "known")
        server.start()
        known = shards(Client(server.port, KINESIS)), tables(Client(server.port, DYNAMODB))
        server.kill()
        assert sum(map(len, known[0].values())) == LIVES * RECORDS * STREAMS, "not all that was put is there"
        assert sum(map(len, known[1].values())) == LIVES * ITEMS, "not all that was put is there"
        files = Files(folder / "known")
        print(f"{len(files.names)} files: {dict(collections.Counter(map(kind, files.names)))}", flush=True)
        server.data = folder / "flipped"
        for number in range(options.flips):
            name, at, bit = files.choose(rng)
            shutil.rmtree(server.data, ignore_errors=True)
            subprocess.run(["cp", "--recursive", "--sparse=always", folder / "known", server.data], check=True)
            flip(server.data / name, at, bit)
            outcome = trial(options.binary, server, known, f"{name} at {at} bit {bit}", verdict)
            outcomes[kind(name), outcome] += 1
            if number % 500 == 499:
                print(f"flip {number + 1}: {len(verdict.faults)} faults", flush=True)
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    for (name, outcome), times in sorted(outcomes.items()):
        print(f"{times:6}  {name}: {outcome}")
    totals = collections.Counter()
    for (_, outcome), times in outcomes.items():
        totals[outcome] += times
    told = ", ".join(f"{times} {outcome}" for outcome, times in sorted(totals.items()))
    verdict.say(f"{options.flips} flips over {len(files.names)} files: {told}; seed {options.seed}")


if __name__ == "__main__":
    main()
