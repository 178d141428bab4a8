#!/usr/bin/env python3
"""Delivery under load, kill -9, restart on the same folder, again and again – in the middle of gathering, of a call of a
function, of writing an object. In the end everything must have arrived: each acknowledged record stands in the objects of
each delivery stream that was to have it, at least once, as it was put or as the function made it.

`firehose.py SERVER_BINARY [--rounds N] [--seed N]`.
"""
import argparse
import base64
import collections
import gzip
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

from server import BROKEN, FIREHOSE, KINESIS, Client, Refusal, Server

STREAM, BUCKET, FUNCTION, WRITERS = "source", "bucket", "shout", 4
LOAD_SECONDS = (0.1, 1.2)
DRAIN_SECONDS = 120
ROLE = "arn:aws:iam::000000000000:role/firehose"
# Delivery streams: what they read, and whether a function transforms it.
DELIVERIES = {
    "from-stream": ("stream", False), "from-stream-shouted": ("stream", True),
    "direct": ("direct", False), "direct-shouted": ("direct-shouted", True),
}


class Runtime(threading.Thread):
    """Answers calls of the function as an official runtime client does: what it is given, in capitals."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.calls, self.ended = port, 0, False

    def run(self):
        while not self.ended:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                while not self.ended:
                    self.answer(connection)
            except BROKEN:
                time.sleep(0.02)

    def answer(self, connection):
        api = f"/functions/{FUNCTION}/2018-06-01/runtime/invocation/"
        connection.request("GET", api + "next")
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise http.client.HTTPException(f"{reply.status} {body!r}")
        event = json.loads(body)
        records = [{"recordId": record["recordId"], "result": "Ok",
                    "data": base64.b64encode(base64.b64decode(record["data"]).upper()).decode()}
                   for record in event["records"]]
        connection.request("POST", api + reply.headers["Lambda-Runtime-Aws-Request-Id"] + "/response",
                           json.dumps({"records": records}))
        connection.getresponse().read()
        self.calls += 1


class Writer(threading.Thread):
    """Puts numbered lines until the connection breaks; remembers what was acknowledged."""

    numbers = itertools.count()

    def __init__(self, port, rng, acknowledged, refused):
        super().__init__(daemon=True)
        self.rng, self.acknowledged, self.refused = rng, acknowledged, refused
        self.connect(port)

    def connect(self, port):
        self.kinesis, self.firehose = Client(port, KINESIS), Client(port, FIREHOSE)

    def line(self):
        return f"line {next(self.numbers)} " + "x" * self.rng.choice((1, 100, 3000)) + "\n"

    def run(self):
        try:
            while True:
                self.put(self.rng.choice(("stream", "stream", "direct", "direct-shouted")))
        except BROKEN:
            pass  # the server was killed
        except Refusal as refusal:
            self.refused.append(str(refusal))

    def put(self, goal):
        lines = [self.line() for _ in range(self.rng.choice((1, 1, 10)))]
        data = [{"Data": base64.b64encode(line.encode()).decode()} for line in lines]
        if goal == "stream":
            records = [record | {"PartitionKey": str(self.rng.random())} for record in data]
            answers = self.kinesis.call("PutRecords", StreamName=STREAM, Records=records)["Records"]
        else:
            answers = self.firehose.call("PutRecordBatch", DeliveryStreamName=goal, Records=data)["RequestResponses"]
        for line, answer in zip(lines, answers):
            if "ErrorCode" in answer:
                self.refused.append(f"PutRecords: {answer['ErrorCode']}")
            else:
                self.acknowledged[goal].add(line.split("x")[0])


def create(port):
    """The stream and the delivery streams; the shouting ones have their function called often, all write often."""
    kinesis, firehose = Client(port, KINESIS), Client(port, FIREHOSE)
    kinesis.call("CreateStream", StreamName=STREAM, ShardCount=2)
    for name, (source, is_shouted) in DELIVERIES.items():
        destination = {
            "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{BUCKET}", "Prefix": f"{name}/", "ErrorOutputPrefix": "errors/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0 if is_shouted else 1}, "CompressionFormat": "GZIP"}
        if is_shouted:
            arn = f"arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}"
            values = {"LambdaArn": arn, "BufferSizeInMBs": "0.2", "BufferIntervalInSeconds": "0"}
            parameters = [{"ParameterName": key, "ParameterValue": value} for key, value in values.items()]
            destination["ProcessingConfiguration"] = {
                "Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": parameters}]}
        kind = {"DeliveryStreamType": "DirectPut"}
        if source == "stream":
            arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{STREAM}"
            kind = {"DeliveryStreamType": "KinesisStreamAsSource",
                    "KinesisStreamSourceConfiguration": {"KinesisStreamARN": arn, "RoleARN": ROLE}}
        firehose.call("CreateDeliveryStream", DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination, **kind)


def arrived(folder, seen):
    """What stands in the objects, by the first part of their keys; each object is opened once."""
    found = seen.setdefault("found", collections.defaultdict(collections.Counter))
    for path in pathlib.Path(folder).rglob("*.gz"):
        if path not in seen:
            seen[path] = True
            for line in gzip.decompress(path.read_bytes()).decode().splitlines():
                found[path.relative_to(folder).parts[0]][line.lower().split("x")[0]] += 1
    return found


def missing(acknowledged, found):
    return {name: acknowledged[source] - found[name].keys() for name, (source, _) in DELIVERIES.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="headwater-firehose-"))
    server = Server(options.binary, folder)
    server.start()
    create(server.port)
    runtime = Runtime(server.port)
    runtime.start()
    acknowledged, refused = collections.defaultdict(set), []
    for number in range(options.rounds):
        writers = [Writer(server.port, random.Random(rng.random()), acknowledged, refused) for _ in range(WRITERS)]
        [writer.start() for writer in writers]
        time.sleep(rng.uniform(*LOAD_SECONDS))
        server.kill()
        [writer.join() for writer in writers]
        server.start()
        if (number + 1) % 10 == 0:
            print(f"round {number + 1}: {sum(map(len, acknowledged.values()))} acknowledged", flush=True)
    bucket, seen, deadline = server.data / "s3" / BUCKET, {}, time.monotonic() + DRAIN_SECONDS
    while any(missing(acknowledged, arrived(bucket, seen)).values()) and time.monotonic() < deadline:
        time.sleep(0.2)
    found = arrived(bucket, seen)
    lost = {name: lines for name, lines in missing(acknowledged, found).items() if lines}
    strange = [name for name, (_, is_shouted) in DELIVERIES.items() if not found[name]]
    again = sum(count - 1 for lines in found.values() for count in lines.values())
    errors = list((bucket / "errors").rglob("*.gz")) if (bucket / "errors").exists() else []
    server.kill()
    total = sum(map(len, acknowledged.values()))
    print(f"{options.rounds} rounds, {total} records acknowledged, {runtime.calls} calls, {len(seen) - 1} objects, "
          f"{again} records delivered again, {len(errors)} error objects; seed {options.seed}")
    if lost or refused or strange:
        print({name: sorted(lines)[:5] for name, lines in lost.items()}, refused[:5], strange)
        sys.exit(f"{sum(map(len, lost.values()))} lost, {len(refused)} refused; the folder is {folder}")
    shutil.rmtree(folder)
    print("nothing was lost")


if __name__ == "__main__":
    main()
