#!/usr/bin/env python3
"""Load, kill -9, restart on the same folder, again and again; then everything is read: no acknowledged record may be
lost, none may stand twice, and what one writer put under one key must come back in its order.

`kill9.py SERVER_BINARY [--rounds N]`.
"""
import argparse
import base64
import collections
import itertools
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

from server import BROKEN, Client, Refusal, Server

STREAM, SHARDS, WRITERS = "kill9", 4, 8
LOAD_SECONDS = (0.05, 0.6)


class Writer(threading.Thread):
    """Puts numbered records under its own keys until the connection breaks; remembers what was acknowledged."""

    def __init__(self, name, port, rng, acknowledged, refused):
        super().__init__(daemon=True)
        self.client, self.rng = Client(port), rng
        self.acknowledged, self.refused = acknowledged, refused
        self.prefix, self.numbers = name, itertools.count()

    def entry(self):
        number = next(self.numbers)
        key = f"{self.prefix}-{number % 3}"
        text = f"{key} {number} ".encode() + b"x" * self.rng.choice((10, 100, 1000, 20000))
        return {"Data": base64.b64encode(text).decode(), "PartitionKey": key}, (key, number)

    def run(self):
        try:
            while True:
                if self.rng.random() < 0.5:
                    entry, identity = self.entry()
                    reply = self.client.call("PutRecord", StreamName=STREAM, **entry)
                    self.acknowledged[identity] = (reply["ShardId"], reply["SequenceNumber"])
                else:
                    entries, identities = zip(*(self.entry() for _ in range(self.rng.randint(2, 20))))
                    reply = self.client.call("PutRecords", StreamName=STREAM, Records=entries)
                    for identity, put in zip(identities, reply["Records"]):
                        if "ErrorCode" in put:
                            self.refused.append(f"PutRecords: {put['ErrorCode']}")
                        else:
                            self.acknowledged[identity] = (put["ShardId"], put["SequenceNumber"])
        except BROKEN:
            pass  # the server was killed
        except Refusal as refusal:  # it answered, but not as it should: nothing here may be refused
            self.refused.append(str(refusal))


def read_shard(client, shard):
    """(key, number) → (shard, sequence number), in the order of the shard."""
    position = client.call(
        "GetShardIterator", StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while position:
        reply = client.call("GetRecords", ShardIterator=position)
        for record in reply["Records"]:
            key, number, _ = base64.b64decode(record["Data"]).split(b" ", 2)
            yield (key.decode(), int(number)), (shard, record["SequenceNumber"])
        if not reply["Records"] and reply["MillisBehindLatest"] == 0:
            return
        position = reply.get("NextShardIterator")


def faults(client, acknowledged):
    """Everything that is wrong with what can be read, as sentences."""
    found, places = {}, collections.Counter()
    shards = client.call("ListShards", StreamName=STREAM)["Shards"]
    for shard in shards:
        last_number, last_of_key = 0, {}
        for identity, place in read_shard(client, shard["ShardId"]):
            key, number = identity
            if int(place[1]) <= last_number:
                yield f"sequence numbers do not rise at {place}"
            if number <= last_of_key.get(key, -1):
                yield f"{identity} stands after {last_of_key[key]}"
            last_number, last_of_key[key] = int(place[1]), number
            places[place[1]] += 1
            found[identity] = place
    yield from (f"{identity} was acknowledged as {place} and is {found.get(identity, 'lost')}"
                for identity, place in acknowledged.items() if found.get(identity) != place)
    yield from (f"sequence number {number} stands {times} times" for number, times in places.items() if times > 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    rng, acknowledged, refused = random.Random(options.seed), {}, []
    print(f"seed {options.seed}, {options.rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="headwater-kill9-") as folder:
        server = Server(os.path.abspath(options.binary), pathlib.Path(folder))
        server.start()
        Client(server.port).call("CreateStream", StreamName=STREAM, ShardCount=SHARDS)
        for round_number in range(options.rounds):
            name = f"r{round_number}w"
            writers = []
            for number in range(WRITERS):
                chance = random.Random(rng.random())
                writers.append(Writer(f"{name}{number}", server.port, chance, acknowledged, refused))
                writers[-1].start()
            time.sleep(rng.uniform(*LOAD_SECONDS))
            server.kill()
            for writer in writers:
                writer.join()
            begin = time.monotonic()
            server.start()
            if round_number % 10 == 9 or round_number + 1 == options.rounds:
                took = (time.monotonic() - begin) * 1000
                print(f"round {round_number + 1}: {len(acknowledged)} acknowledged, restart {took:.0f} ms", flush=True)
        wrong = refused + list(faults(Client(server.port), acknowledged))
        server.kill()
    for sentence in wrong[:20]:
        print("FAILED", sentence)
    print(f"{options.rounds} rounds, {len(acknowledged)} records acknowledged, {len(wrong)} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
