"""boto3, unmodified, as a fan-out consumer: `follow.py ENDPOINT CONSUMER_ARN SHARDS follow|once PAUSE_SECONDS`.

From the start of each of the shards (commas between them) it prints every event as a line of JSON. With `follow` it goes
on from the continuation when a subscription ends, and to the children when a shard ends. It stops reading for
PAUSE_SECONDS after the first records.
"""
import json
import sys
import threading
import time

import boto3
import botocore.config
import botocore.exceptions

ENDPOINT, CONSUMER, SHARDS, MODE, PAUSE = sys.argv[1:6]
KINESIS = boto3.client(
    "kinesis",
    endpoint_url=ENDPOINT,
    region_name="us-east-1",
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="secret",
    verify=False,
    config=botocore.config.Config(max_pool_connections=100, retries={"total_max_attempts": 1}),
)
lock, started, closed = threading.Lock(), set(), set()


def say(**line):
    with lock:
        print(json.dumps(line), flush=True)


def events(shard, position):
    """Prints the events of one subscription; gives the last one."""
    last = None
    answer = KINESIS.subscribe_to_shard(ConsumerARN=CONSUMER, ShardId=shard, StartingPosition=position)
    say(shard=shard, subscribed=True)
    for told in answer["EventStream"]:
        last = told["SubscribeToShardEvent"]
        records = [[record["SequenceNumber"], record["Data"].split(b"\n")[0].decode()] for record in last["Records"]]
        children = [[child["ShardId"], child["ParentShards"]] for child in last.get("ChildShards", [])]
        say(shard=shard, records=records, continuation=last.get("ContinuationSequenceNumber"),
            behind=last["MillisBehindLatest"], children=children)
        if records and pauses:
            time.sleep(pauses.pop())
    return last


def follow(shard):
    position = {"Type": "TRIM_HORIZON"}
    while True:
        try:
            last = events(shard, position)
        except botocore.exceptions.ClientError as refusal:
            return say(shard=shard, end=refusal.response["Error"]["Code"])
        except botocore.exceptions.EventStreamError as refusal:
            return say(shard=shard, end=refusal.response["Error"]["Code"])
        say(shard=shard, end="clean")
        if MODE == "once":
            return
        if last.get("ChildShards"):
            break
        position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last["ContinuationSequenceNumber"]}
    with lock:
        closed.add(shard)
        ready = [child["ShardId"] for child in last["ChildShards"]
                 if closed.issuperset(child["ParentShards"]) and child["ShardId"] not in started]
        started.update(ready)
    begin(ready)


def begin(shards):
    threads = [threading.Thread(target=follow, args=(shard,)) for shard in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


pauses = [float(PAUSE)] if float(PAUSE) else []
begin(SHARDS.split(","))
