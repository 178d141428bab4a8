#!/usr/bin/env python3
"""`--limits aws` on several servers on one Kafka: they give out together what AWS gives, and not each as much. Everything that
has a limit is asked of all of them at once, more than is given; then the server that counted is killed, and the others go on.

`limits.py SERVER_BINARY --brokers ADDRESSES [--nodes N] [--seconds N]`.
"""
import argparse
import base64
import os
import sys
import tempfile
import threading
import time

from nodes import DYNAMODB, KEYED_BY_K, KINESIS, MASTER_KEY, Client, Refusal, patiently, started

# As `nodes` has put it on the way.
from server import FIREHOSE

STREAM, TABLE, DELIVERY = "limited", "limited", "limited"
THREADS = 2
OVER = {"ProvisionedThroughputExceededException", "LimitExceededException", "ServiceUnavailableException"}
RECORD = {"Data": base64.b64encode(b"x").decode(), "PartitionKey": "k"}
ITEM = {"k": {"S": "k"}}


class Limit:
    """What is given of something: so much at once, and so much a second."""

    def __init__(self, at_once, a_second, service, operation, given, **request):
        self.at_once, self.a_second, self.service, self.operation = at_once, a_second, service, operation
        self.given, self.request = given, request

    def faults(self, ports, seconds):
        """Asks all servers for more; what was wrong, as sentences."""
        given, wrong, over, lock = [0], [], [0], threading.Lock()
        begun = time.monotonic()

        def ask(port):
            client = Client(port, self.service)
            while time.monotonic() < begun + seconds:
                try:
                    count, refused = self.given(client.call(self.operation, **self.request))
                except Refusal as refusal:
                    count, refused = 0, 1
                    if refusal.code not in OVER:
                        wrong.append(f"{self.operation}: {refusal}")
                with lock:
                    given[0] += count
                    over[0] += refused
                if refused:
                    time.sleep(0.005)

        threads = [threading.Thread(target=ask, args=(port,)) for port in ports for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.monotonic() - begun
        most = self.at_once + self.a_second * elapsed
        print(f"{self.operation}: {given[0]} in {elapsed:.1f} s by {len(ports)} servers, of {most:.0f}; {over[0]} refused",
              flush=True)
        if given[0] > most:
            wrong.append(f"{self.operation}: {given[0]} in {elapsed:.1f} s, which is more than {most:.0f}")
        if given[0] * 3 < most or not over[0]:
            wrong.append(f"{self.operation}: {given[0]} were given and {over[0]} refused: too little to tell")
        return wrong


def each(reply):
    return 1, 0


def records(reply):
    failed = reply.get("FailedRecordCount", reply.get("FailedPutCount"))
    return len(reply.get("Records", reply.get("RequestResponses"))) - failed, failed


def units(reply):
    return reply["ConsumedCapacity"]["CapacityUnits"], 0


def limits(ports):
    """Everything that is asked for, in turn."""
    shard = {"StreamName": STREAM, "ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
    iterator = patiently(ports, "GetShardIterator", **shard)["ShardIterator"]
    told = {"ReturnConsumedCapacity": "TOTAL", "TableName": TABLE}
    return [
        Limit(1000, 1000, KINESIS, "PutRecords", records, StreamName=STREAM, Records=[RECORD] * 200),
        Limit(5, 5, KINESIS, "GetRecords", each, ShardIterator=iterator),
        Limit(5, 5, KINESIS, "ListStreams", each),
        Limit(20, 20, KINESIS, "DescribeStreamSummary", each, StreamName=STREAM),
        # What a table has not used since it was made is not lost.
        Limit(3, 1, DYNAMODB, "PutItem", units, Item=ITEM, **told),
        Limit(3, 1, DYNAMODB, "GetItem", units, Key=ITEM, **told),
        Limit(5000, 5000, FIREHOSE, "PutRecordBatch", records, DeliveryStreamName=DELIVERY,
              Records=[{"Data": RECORD["Data"]}] * 500),
    ]


def faults(ports, seconds):
    return [fault for limit in limits(ports) for fault in limit.faults(ports, seconds)]


def make(ports):
    patiently(ports, "CreateStream", StreamName=STREAM, ShardCount=1)
    patiently(ports, "CreateTable", DYNAMODB, TableName=TABLE, **KEYED_BY_K | {
        "BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}})
    patiently(ports, "CreateDeliveryStream", FIREHOSE, DeliveryStreamName=DELIVERY, ExtendedS3DestinationConfiguration={
        "RoleARN": "arn:aws:iam::000000000000:role/any", "BucketARN": "arn:aws:s3:::limited"})
    for service, operation, name, inner, status in [
            (KINESIS, "DescribeStreamSummary", "StreamName", "StreamDescriptionSummary", "StreamStatus"),
            (DYNAMODB, "DescribeTable", "TableName", "Table", "TableStatus"),
            (FIREHOSE, "DescribeDeliveryStream", "DeliveryStreamName", "DeliveryStreamDescription", "DeliveryStreamStatus")]:
        while patiently(ports, operation, service, **{name: STREAM})[inner][status] != "ACTIVE":
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    os.environ["HEADWATER_MASTER_KEY"] = MASTER_KEY
    with tempfile.TemporaryDirectory(prefix="headwater-limits-") as folder:
        nodes = started(options.nodes, options.binary, folder, options.brokers, f"limits-{os.getpid()}", "--limits", "aws")
        ports = [node.port for node in nodes]
        make(ports)
        wrong = faults(ports, options.seconds)
        # The first that was there counted.
        nodes[0].kill()
        print("the server that counted is killed", flush=True)
        wrong += faults(ports[1:], options.seconds)
        for node in nodes[1:]:
            node.kill()
    for sentence in wrong:
        print("FAULT", sentence)
    print(f"{len(wrong)} faults")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
