"""The AWS CLI, unmodified, one process a call: `awscli_suite.py ENDPOINT ENDPOINT_WITH_AWS_LIMITS`."""
import base64
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from scenarios import equal, fresh, main, middle, parents_first, scenario, tiles_all_keys

PROGRAM = str(pathlib.Path(sys.executable).with_name("aws"))


class Refused(Exception):
    """The CLI said an error; `code` is the name it gave it."""

    def __init__(self, said):
        super().__init__(said)
        self.code = said.partition("(")[2].partition(")")[0]


def connect(endpoint):
    """`aws kinesis <command> --option value …` against one endpoint, its JSON parsed."""
    settings = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_PAGER": "",
    }

    def aws(command, **options):
        words = [PROGRAM, "kinesis", command, "--output", "json"]
        for name, value in options.items():
            words.append("--" + name.replace("_", "-"))
            words += value if isinstance(value, list) else [] if value is True else [str(value)]
        done = subprocess.run(words, env=os.environ | settings, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused(done.stderr.strip())
        return json.loads(done.stdout) if done.stdout else {}

    return aws


@contextlib.contextmanager
def stream(aws, shards=1):
    name = fresh("awscli")
    aws("create-stream", stream_name=name, shard_count=shards)
    active(aws, name)
    yield name
    aws("delete-stream", stream_name=name)


def active(aws, name):
    while aws("describe-stream-summary", stream_name=name)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.1)


def iterator(aws, name, shard, kind, **more):
    options = {"stream_name": name, "shard_id": shard, "shard_iterator_type": kind} | more
    return aws("get-shard-iterator", **options)["ShardIterator"]


def drain(aws, position):
    records = []
    while True:
        reply = aws("get-records", shard_iterator=position)
        records += reply["Records"]
        position = reply.get("NextShardIterator")
        if position is None or (not reply["Records"] and reply["MillisBehindLatest"] == 0):
            return records, reply


def read(aws, name, shard, kind="TRIM_HORIZON", **more):
    records, _ = drain(aws, iterator(aws, name, shard, kind, **more))
    return [base64.b64decode(record["Data"]).decode() for record in records]


def put(aws, name, data, key="k"):
    return aws("put-record", stream_name=name, data=data, partition_key=key)


def shards_of(aws, name):
    return aws("list-shards", stream_name=name)["Shards"]


@scenario
def put_record_and_read_at_sequence(aws):
    with stream(aws, 2) as name:
        put(aws, name, "before")
        done = put(aws, name, "the one")
        at = {"starting_sequence_number": done["SequenceNumber"]}
        position = iterator(aws, name, done["ShardId"], "AT_SEQUENCE_NUMBER", **at)
        (record,) = aws("get-records", shard_iterator=position)["Records"]
        equal(record["SequenceNumber"], done["SequenceNumber"])
        equal(base64.b64decode(record["Data"]), b"the one")


@scenario
def put_many(aws):
    with stream(aws) as name:
        entries = [f"Data=record{n},PartitionKey=k{n}" for n in range(20)]
        reply = aws("put-records", stream_name=name, records=entries)
        equal((reply["FailedRecordCount"], len(reply["Records"])), (0, 20))
        equal(read(aws, name, reply["Records"][0]["ShardId"]), [f"record{n}" for n in range(20)])


@scenario
def partial_failures(aws):
    with stream(aws) as name:
        # 500 records of 4,000 bytes are twice what a shard takes in a second.
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([{"Data": "x" * 4000, "PartitionKey": "k"}] * 500, file)
            file.flush()
            reply = aws("put-records", stream_name=name, records=f"file://{file.name}")
        refused = [record for record in reply["Records"] if "ErrorCode" in record]
        equal(len(refused), reply["FailedRecordCount"])
        assert 0 < len(refused) < 500, len(refused)
        equal({record["ErrorCode"] for record in refused}, {"ProvisionedThroughputExceededException"})
        time.sleep(1)
        equal(len(read(aws, name, "shardId-000000000000")), 500 - len(refused))


@scenario
def five_iterator_types(aws):
    with stream(aws) as name:
        puts = [put(aws, name, str(number)) for number in range(2)]
        time.sleep(1.1)  # the CLI sends a timestamp in whole seconds
        puts += [put(aws, name, str(number)) for number in range(2, 4)]
        shard, second = puts[0]["ShardId"], {"starting_sequence_number": puts[1]["SequenceNumber"]}
        equal(read(aws, name, shard), ["0", "1", "2", "3"])
        equal(read(aws, name, shard, "AT_SEQUENCE_NUMBER", **second), ["1", "2", "3"])
        equal(read(aws, name, shard, "AFTER_SEQUENCE_NUMBER", **second), ["2", "3"])
        records, _ = drain(aws, iterator(aws, name, shard, "TRIM_HORIZON"))
        moment = records[2]["ApproximateArrivalTimestamp"]
        equal(read(aws, name, shard, "AT_TIMESTAMP", timestamp=moment), ["2", "3"])
        latest = iterator(aws, name, shard, "LATEST")
        put(aws, name, "new")
        equal([base64.b64decode(record["Data"]) for record in drain(aws, latest)[0]], [b"new"])


@scenario
def split_and_merge(aws):
    with stream(aws) as name:
        (parent,) = shards_of(aws, name)
        options = {"shard_to_split": parent["ShardId"], "new_starting_hash_key": middle(parent)}
        aws("split-shard", stream_name=name, **options)
        active(aws, name)
        _, *children = shards_of(aws, name)
        equal([child["ParentShardId"] for child in children], [parent["ShardId"]] * 2)
        first, second = (child["ShardId"] for child in children)
        aws("merge-shards", stream_name=name, shard_to_merge=first, adjacent_shard_to_merge=second)
        active(aws, name)
        merged = shards_of(aws, name)[3]
        equal((merged["ParentShardId"], merged["AdjacentParentShardId"]), (first, second))
        assert tiles_all_keys(shards_of(aws, name))


@scenario
def closed_shards_then_children(aws):
    with stream(aws) as name:
        for number in range(4):
            put(aws, name, str(number))
        (parent,) = shards_of(aws, name)
        options = {"shard_to_split": parent["ShardId"], "new_starting_hash_key": middle(parent)}
        aws("split-shard", stream_name=name, **options)
        active(aws, name)
        for number in range(4, 8):
            put(aws, name, str(number))
        shards = parents_first(shards_of(aws, name))
        _, last = drain(aws, iterator(aws, name, shards[0]["ShardId"], "TRIM_HORIZON"))
        equal([child["ShardId"] for child in last["ChildShards"]], [shard["ShardId"] for shard in shards[1:]])
        seen = [data for shard in shards for data in read(aws, name, shard["ShardId"])]
        equal(seen, [str(number) for number in range(8)])


@scenario
def tags(aws):
    with stream(aws) as name:
        aws("add-tags-to-stream", stream_name=name, tags="colour=blue,size=10")
        aws("remove-tags-from-stream", stream_name=name, tag_keys=["size"])
        equal(aws("list-tags-for-stream", stream_name=name)["Tags"], [{"Key": "colour", "Value": "blue"}])


@scenario
def retention(aws):
    with stream(aws) as name:
        aws("increase-stream-retention-period", stream_name=name, retention_period_hours=100)
        active(aws, name)
        aws("decrease-stream-retention-period", stream_name=name, retention_period_hours=30)
        active(aws, name)
        equal(aws("describe-stream", stream_name=name)["StreamDescription"]["RetentionPeriodHours"], 30)


@scenario
def paging(aws):
    with stream(aws, 5) as name, stream(aws) as other, stream(aws) as third:
        names = aws("list-streams", page_size=2)["StreamNames"]
        assert {name, other, third} <= set(names) and len(set(names)) == len(names)
        shards = aws("describe-stream", stream_name=name, page_size=2)["StreamDescription"]["Shards"]
        equal(len(shards), 5)
        # The CLI's own paging of ListShards repeats the name beside the token, which AWS refuses; so by hand.
        first = aws("list-shards", stream_name=name, max_results=3)
        second = aws("list-shards", next_token=first["NextToken"], max_results=3)
        equal([len(first["Shards"]), len(second["Shards"]), "NextToken" in second], [3, 2, False])


@scenario
def typed_errors(aws):
    def code(command, **options):
        try:
            aws(command, **options)
        except Refused as refused:
            return refused.code
        return None

    with stream(aws) as name:
        equal(code("describe-stream", stream_name="absent"), "ResourceNotFoundException")
        equal(code("create-stream", stream_name=name, shard_count=1), "ResourceInUseException")
        equal(code("create-stream", stream_name=fresh("big"), shard_count=100000), "LimitExceededException")
        equal(code("get-records", shard_iterator="AAAA"), "InvalidArgumentException")
        equal(code("create-stream", stream_name="a b", shard_count=1), "ValidationException")


if __name__ == "__main__":
    main(connect)
