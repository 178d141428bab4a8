#!/usr/bin/env python3
"""A disk that is full, and has room again: Kinesis and DynamoDB are written to until everything is refused. Each refusal
is an answer, and whatever is there can be read. The server is killed, the power cut and the server started on the full disk:
it serves reads, or says that it wants room to start, as it does if what the power tore has to be mended. With room again
writing goes on. Nothing acknowledged is lost.

`full.py BINARY DISK [--rounds N] [--short] [--seed N]`.
"""
import base64
import random
import time

import proof
from server import BROKEN, DYNAMODB, KEYED_BY_K, KINESIS, Client, Refusal

STREAM, TABLE = "records", "items"
# The disk is small, so the rows have little memory.
ARGUMENTS = ("--cache-bytes", str(16 << 20))
FIRST_BYTES, MORE_BYTES = 320 << 20, 160 << 20
UNABLE = {"InternalFailure", "InternalServerError", "ServiceUnavailable", "LimitExceededException"}
# So many refusals one after the other, of both services, are a full disk.
REFUSALS = 20
RECOVERS_SECONDS = 20


class Written:
    """What was acknowledged."""

    def __init__(self, rng):
        self.rng, self.records, self.items, self.number = rng, {}, {}, 0

    def put(self, client, size):
        """One record or one item; whether it was taken."""
        self.number += 1
        name = str(self.number)
        value = base64.b64encode(name.encode() + b" " + self.rng.randbytes(size)).decode()
        try:
            if client.service == KINESIS:
                answer = client.call("PutRecord", StreamName=STREAM, PartitionKey=name, Data=value)
                self.records[answer["SequenceNumber"]] = value
            else:
                client.call("PutItem", TableName=TABLE, Item={"k": {"S": name}, "v": {"B": value}})
                self.items[name] = value
            return True
        except Refusal as refusal:
            if refusal.code not in UNABLE:
                raise
            return False


def fill(port, written):
    """Writes until all is refused; how many refusals there were."""
    clients = [Client(port, KINESIS), Client(port, DYNAMODB)]
    refused, running = 0, 0
    while running < REFUSALS:
        taken = [written.put(client, written.rng.choice((100, 20_000, 200_000))) for client in clients]
        refused += taken.count(False)
        running = 0 if any(taken) else running + 1
    return refused


def read(port):
    """All records and items."""
    kinesis, dynamodb = Client(port, KINESIS), Client(port, DYNAMODB)
    records, items, more = {}, {}, {}
    at = kinesis.call("GetShardIterator", StreamName=STREAM, ShardId="shardId-000000000000",
                      ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    while True:
        page = kinesis.call("GetRecords", ShardIterator=at)
        records |= {record["SequenceNumber"]: record["Data"] for record in page["Records"]}
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            break
        at = page["NextShardIterator"]
    while True:
        page = dynamodb.call("Scan", TableName=TABLE, **more)
        items |= {item["k"]["S"]: item["v"]["B"] for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return records, items
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def check(server, written, when, verdict):
    try:
        records, items = read(server.port)
    except BROKEN + (Refusal,) as why:
        verdict.expect(False, f"{when}: nothing can be read: {why!r} {server.last_words()[-500:]}")
        return
    verdict.expect(written.records.items() <= records.items(), f"{when}: acknowledged records are lost")
    verdict.expect(written.items.items() <= items.items(), f"{when}: acknowledged items are lost")


def takes_again(port, written):
    """Whether both services take writes again, soon."""
    deadline, clients = time.monotonic() + RECOVERS_SECONDS, [Client(port, KINESIS), Client(port, DYNAMODB)]
    while time.monotonic() < deadline:
        if all([written.put(client, 1000) for client in clients]):
            return True
        time.sleep(0.05)
    return False


def main():
    options = proof.arguments(__doc__, rounds=(4, 1))
    verdict, rng = proof.Verdict("full"), random.Random(options.seed)
    disk, written, refused, waited, limit = proof.Disk(options.disk), Written(rng), 0, 0, FIRST_BYTES
    server = proof.Place(options.binary, disk, ARGUMENTS)
    try:
        disk.tell(f"limit {limit}")
        server.start()
        Client(server.port).call("CreateStream", StreamName=STREAM, ShardCount=1)
        Client(server.port, DYNAMODB).call("CreateTable", TableName=TABLE, **KEYED_BY_K)
        for number in range(options.rounds):
            try:
                refused += fill(server.port, written)
            except BROKEN as why:
                verdict.expect(False, f"round {number}: it ended when the disk was full: {why!r} {server.last_words()[-900:]}")
                break
            check(server, written, f"round {number}, full", verdict)
            server.kill()
            disk.cut(rng)
            is_up = server.starts()
            if is_up:
                check(server, written, f"round {number}, started while full", verdict)
            else:
                waited += 1
                verdict.expect("no space left" in server.last_words(), f"round {number}: {server.last_words()[-600:]}")
            limit += MORE_BYTES
            disk.tell(f"limit {limit}")
            if not (is_up or verdict.expect(server.starts(), f"round {number}: there is room, and it does not start: "
                                                             f"{server.last_words()[-600:]}")):
                break
            if not verdict.expect(takes_again(server.port, written), f"round {number}: there is room, and it refuses"):
                break
        check(server, written, "in the end", verdict)
    finally:
        server.close()
        disk.close()
    verdict.say(f"{options.rounds} times full and back: {len(written.records)} records and {len(written.items)} items "
                f"acknowledged, {refused} refused, {waited} starts waited for room; seed {options.seed}")


if __name__ == "__main__":
    main()
