#!/usr/bin/env python3
"""A million records are put through three servers, one of which is slow, while shards split and merge; then Kafka's own
console consumer reads the topic, and what stands there is held against what was acknowledged and what the API gives: the
five rules of decision 0018.

`rules.py SERVER_BINARY --brokers ADDRESSES --libraries JARS [--records N] [--seed N]`
"""
import argparse
import base64
import collections
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from nodes import MASTER_KEY, PASSING, STREAM, patiently, read_all, reshard, started
from server import BROKEN, Client, Refusal

NODES, SHARDS, WRITERS, BATCH, KEYS = 3, 4, 6, 250, 16
# The slow server works for a tenth of the time.
WORKS_SECONDS, RESTS_SECONDS = 0.02, 0.18
RESHARD_SECONDS = 1
# The kinds of entries of a shard's log.
RECORD, SEAL = 1, 2
PLACE_SHIFT, PLACE_BITS, SHARD_SHIFT = 80, 64, 4


class Putter(threading.Thread):
    """Puts numbered records; remembers where those that were acknowledged are said to stand."""

    def __init__(self, name, ports, rng, count, wrong):
        super().__init__(daemon=True)
        self.prefix, self.ports, self.rng, self.count, self.wrong = name, ports, rng, count, wrong
        self.number, self.acknowledged, self.client = 0, {}, None

    def run(self):
        while len(self.acknowledged) < self.count:
            names = [(f"{self.prefix}-{self.rng.randrange(KEYS)}", self.number + at) for at in range(BATCH)]
            self.number += BATCH
            entries = [{"Data": base64.b64encode(f"{key} {number} ".encode()).decode(), "PartitionKey": key}
                       for key, number in names]
            try:
                if self.client is None or self.rng.random() < 0.2:
                    self.client = Client(self.rng.choice(self.ports))
                told = self.client.call("PutRecords", StreamName=STREAM, Records=entries)["Records"]
            except BROKEN:
                self.client = None
                continue
            except Refusal as refusal:
                if refusal.code not in PASSING:
                    self.wrong.append(str(refusal))
                continue
            self.acknowledged |= {name: place(put["SequenceNumber"]) for name, put in zip(names, told) if "ErrorCode" not in put}


def place(sequence_number):
    """The shard's index and the place in its log that a sequence number names."""
    bits = int(sequence_number)
    return bits >> SHARD_SHIFT & 0xffffffff, (bits >> PLACE_SHIFT & (1 << PLACE_BITS) - 1) - 1


def slow(process, done):
    """Stops a server again and again."""
    while not done.is_set():
        process.send_signal(signal.SIGSTOP)
        time.sleep(RESTS_SECONDS)
        process.send_signal(signal.SIGCONT)
        time.sleep(WORKS_SECONDS)


def tool(libraries, name, *words):
    """One of Kafka's own programs."""
    return ["java", "-cp", f"{libraries}/*", f"org.apache.kafka.tools.{name}", *words]


def consumed(options, topic):
    """What the console consumer shows: partition → [(offset, time, kind, (key, number))], in its order."""
    shown = subprocess.Popen(
        tool(options.libraries, "consumer.ConsoleConsumer", "--bootstrap-server", options.brokers, "--topic", topic,
             "--from-beginning", "--timeout-ms", "30000", *sum((["--formatter-property", f"print.{what}=true"]
             for what in ("partition", "offset", "timestamp")), []), "--formatter-property",
             "value.deserializer=org.apache.kafka.common.serialization.BytesDeserializer"),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    logs = collections.defaultdict(list)
    for line in shown.stdout:
        told = re.fullmatch(r"\w+Time:(\d+)\tPartition:(\d+)\tOffset:(\d+)\t(.*)\n", line)
        if not told:
            continue  # the program's own words, at its end
        time_ms, partition, offset = map(int, told.groups()[:3])
        value = re.sub(rb"\\x([0-9A-F]{2})", lambda byte: bytes([int(byte[1], 16)]), told[4].encode())
        name = None
        if value[0] == RECORD:
            key, number, _ = value[4 + value[2]:].split(b" ", 2)
            name = key.decode(), int(number)
        logs[partition].append((offset, time_ms, value[0], name))
    shown.wait()
    return logs


def broken_rules(ports, logs, acknowledged):
    """Everything that is wrong, as sentences."""
    shards = {int(shard["ShardId"].rpartition("-")[2]): shard for shard in patiently(ports, "ListShards", StreamName=STREAM)["Shards"]}
    found, of_key, markers, begun = {}, collections.defaultdict(dict), {}, {}
    for index, shard in shards.items():
        log = logs[index]
        if [offset for offset, *_ in log] != sorted({offset for offset, *_ in log}):
            yield f"{shard['ShardId']}: the consumer's offsets do not rise"
        marker = next(((offset, time_ms) for offset, time_ms, kind, _ in log if kind == SEAL), None)
        markers[index], begun[index] = marker, log[0][1] if log else None
        if (marker is None) != ("EndingSequenceNumber" not in shard["SequenceNumberRange"]):
            yield f"E: {shard['ShardId']} is shown as open with a marker, or as closed without"
        mine = [(offset, name) for offset, _, kind, name in log if kind == RECORD and (marker is None or offset < marker[0])]
        # D: readers see what stands before the marker, and nothing else.
        read = [(place(number)[1], name) for name, number in read_all(ports, shard["ShardId"])]
        if read != mine:
            yield f"D: of {shard['ShardId']} the API shows {len(read)} records, and the topic holds {len(mine)}"
        for offset, name in mine:
            if name in found and name in acknowledged:
                yield f"A: {name} stands at {found[name]} and at {(index, offset)}"
            found[name] = index, offset
            if name in acknowledged:
                first, last = of_key[index].get(name[0], (name[1], -1))
                if name[1] < last:
                    yield f"{name} stands behind {last} in {shard['ShardId']}"
                of_key[index][name[0]] = first, name[1]
    yield from (f"B: {name} was acknowledged at {at} and is at {found.get(name)}"
                for name, at in acknowledged.items() if found.get(name) != at)
    for index, shard in shards.items():
        for parent in filter(None, (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))):
            parent = int(parent.rpartition("-")[2])
            if begun[index] is not None and (markers[parent] is None or begun[index] < markers[parent][1]):
                yield f"C: shard {index} is written to before its parent {parent} has its marker"
            yield from (f"{key} stands in shard {index} before what its parent {parent} holds" for key, (first, _) in of_key[index].items()
                        if first < of_key[parent].get(key, (0, -1))[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--libraries", required=True)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    os.environ["HEADWATER_MASTER_KEY"] = MASTER_KEY
    rng, prefix, wrong, done = random.Random(options.seed), f"rules-{options.seed}", [], threading.Event()
    with tempfile.TemporaryDirectory(prefix="headwater-rules-") as folder:
        nodes = started(NODES, options.binary, folder, options.brokers, prefix)
        ports = [node.port for node in nodes]
        patiently(ports, "CreateStream", StreamName=STREAM, ShardCount=SHARDS)
        while patiently(ports, "DescribeStreamSummary", StreamName=STREAM)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
            time.sleep(0.1)
        putters = [Putter(f"w{number}", ports, random.Random(rng.random()), options.records // WRITERS, wrong) for number in range(WRITERS)]
        begun = time.monotonic()
        # The one that leads is not the slow one: what it does about shards is what is tried.
        threads = [*putters, threading.Thread(target=slow, args=(nodes[-1].process, done), daemon=True)]
        for thread in threads:
            thread.start()
        reshards = 0
        while any(putter.is_alive() for putter in putters):
            time.sleep(RESHARD_SECONDS)
            reshard(ports[:-1], rng)
            reshards += 1
            if reshards % 10 == 0:
                print(f"{sum(len(putter.acknowledged) for putter in putters)} records, {reshards} splits and merges", flush=True)
        done.set()
        threads[-1].join()
        took = time.monotonic() - begun
        acknowledged = {name: at for putter in putters for name, at in putter.acknowledged.items()}
        listed = subprocess.run(tool(options.libraries, "TopicCommand", "--bootstrap-server", options.brokers, "--list"),
                                check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.split()
        # Groups below 2⁶⁴ are the servers' own.
        topic, = (name for name in listed if re.fullmatch(rf"hw\.{prefix}\.(?!0{{16}})[0-9a-f]{{32}}", name))
        logs = consumed(options, topic)
        wrong += broken_rules(ports, logs, acknowledged)
        for node in nodes:
            node.kill()
    behind = sum(len(log) for log in logs.values()) - len(acknowledged)
    for sentence in wrong[:20]:
        print("FAILED", sentence)
    print(f"{len(acknowledged)} records acknowledged in {took:.0f} s, {reshards} splits and merges, {len(logs)} shards, "
          f"{behind} entries more in the topic (markers, and what was put anew or not answered), {len(wrong)} faults")
    sys.exit(1 if wrong or not reshards else 0)


if __name__ == "__main__":
    main()
