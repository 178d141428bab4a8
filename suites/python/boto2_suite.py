"""boto 2.49 `KinesisConnection`, unmodified, its whole API: `boto2_suite.py ENDPOINT ENDPOINT_WITH_AWS_LIMITS`.

boto 2 runs on Python up to 3.11: it needs the module `imp`, which later ones lack.
"""
import contextlib
import time
import urllib.parse

import boto.kinesis.exceptions as errors
import boto.regioninfo
from boto.exception import JSONResponseError
from boto.kinesis.layer1 import KinesisConnection
from scenarios import equal, fresh, main, middle, parents_first, scenario, tiles_all_keys

API = {name for name, member in vars(KinesisConnection).items() if callable(member) and not name.startswith("_")}
API -= {"ResponseError", "make_request"}
called = set()


class Witness:
    """Passes every call on and remembers its name."""

    def __init__(self, connection):
        self._connection = connection

    def __getattr__(self, name):
        called.add(name)
        return getattr(self._connection, name)


def connect(endpoint):
    place = urllib.parse.urlsplit(endpoint)
    region = boto.regioninfo.RegionInfo(name="us-east-1", endpoint=place.netloc)
    where = {"host": place.hostname, "port": place.port, "is_secure": place.scheme == "https", "region": region}
    return Witness(KinesisConnection(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret", **where))


@contextlib.contextmanager
def stream(kinesis, shards=1):
    name = fresh("boto2")
    equal(kinesis.create_stream(name, shards), None)  # an empty body
    active(kinesis, name)
    yield name
    equal(kinesis.delete_stream(name), None)


def active(kinesis, name):
    while kinesis.describe_stream(name)["StreamDescription"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.05)


def iterator(kinesis, name, shard, kind, number=None):
    return kinesis.get_shard_iterator(name, shard, kind, starting_sequence_number=number)["ShardIterator"]


def drain(kinesis, position):
    records = []
    while True:
        reply = kinesis.get_records(position, limit=1000)
        records += reply["Records"]
        position = reply.get("NextShardIterator")
        if position is None or (not reply["Records"] and reply["MillisBehindLatest"] == 0):
            return records, reply


def read(kinesis, name, shard, kind="TRIM_HORIZON", number=None):
    return [record["Data"] for record in drain(kinesis, iterator(kinesis, name, shard, kind, number))[0]]


def shards_of(kinesis, name):
    return kinesis.describe_stream(name)["StreamDescription"]["Shards"]


@scenario
def put_record_and_read_at_sequence(kinesis):
    with stream(kinesis, 3) as name:
        kinesis.put_record(name, b"before", "key")
        put = kinesis.put_record(name, b"the one", "key")
        kinesis.put_record(name, b"after", "key", sequence_number_for_ordering=put["SequenceNumber"])
        position = iterator(kinesis, name, put["ShardId"], "AT_SEQUENCE_NUMBER", put["SequenceNumber"])
        first = kinesis.get_records(position)["Records"][0]
        equal((first["SequenceNumber"], first["Data"]), (put["SequenceNumber"], "the one"))


@scenario
def put_many(kinesis):
    with stream(kinesis) as name:
        records = [{"Data": "r%d" % number, "PartitionKey": "k%d" % number} for number in range(100)]
        reply = kinesis.put_records(records, name)
        equal((reply["FailedRecordCount"], len(reply["Records"])), (0, 100))
        equal(read(kinesis, name, reply["Records"][0]["ShardId"]), ["r%d" % number for number in range(100)])


@scenario
def partial_failures(kinesis):
    with stream(kinesis) as name:
        reply = kinesis.put_records([{"Data": "x" * 4096, "PartitionKey": "k"} for _ in range(400)], name)
        codes = [record["ErrorCode"] for record in reply["Records"] if "ErrorCode" in record]
        equal(len(codes), reply["FailedRecordCount"])
        assert 0 < len(codes) < 400, len(codes)
        equal(set(codes), {"ProvisionedThroughputExceededException"})
        time.sleep(1)
        equal(len(read(kinesis, name, "shardId-000000000000")), 400 - len(codes))
        time.sleep(1)
        try:
            for _ in range(40):  # each takes a quarter of the shard's second
                kinesis.put_record(name, "x" * 262_144, "k")
            raise AssertionError("a shard takes more than a mebibyte a second")
        except errors.ProvisionedThroughputExceededException as error:
            equal(error.status, 400)


@scenario
def five_iterator_types(kinesis):
    with stream(kinesis) as name:
        puts = [kinesis.put_record(name, b"%d" % number, "k") for number in range(4)]
        shard, second = puts[0]["ShardId"], puts[1]["SequenceNumber"]
        equal(read(kinesis, name, shard), ["0", "1", "2", "3"])
        equal(read(kinesis, name, shard, "AT_SEQUENCE_NUMBER", second), ["1", "2", "3"])
        equal(read(kinesis, name, shard, "AFTER_SEQUENCE_NUMBER", second), ["2", "3"])
        latest = iterator(kinesis, name, shard, "LATEST")
        kinesis.put_record(name, b"new", "k", explicit_hash_key="0")
        equal([record["Data"] for record in drain(kinesis, latest)[0]], ["new"])
        # boto 2 is older than AT_TIMESTAMP: it has the type's name but no way to give the time.
        try:
            iterator(kinesis, name, shard, "AT_TIMESTAMP")
            raise AssertionError("AT_TIMESTAMP was taken without a time")
        except errors.InvalidArgumentException as error:
            assert "timestampInMillis" in error.body["message"], error.body


@scenario
def split_and_merge(kinesis):
    with stream(kinesis) as name:
        (parent,) = shards_of(kinesis, name)
        equal(kinesis.split_shard(name, parent["ShardId"], middle(parent)), None)
        active(kinesis, name)
        _, *children = shards_of(kinesis, name)
        equal([child["ParentShardId"] for child in children], [parent["ShardId"]] * 2)
        first, second = (child["ShardId"] for child in children)
        equal(kinesis.merge_shards(name, first, second), None)
        active(kinesis, name)
        merged = shards_of(kinesis, name)[3]
        equal((merged["ParentShardId"], merged["AdjacentParentShardId"]), (first, second))
        assert tiles_all_keys(shards_of(kinesis, name))


@scenario
def closed_shards_then_children(kinesis):
    with stream(kinesis) as name:
        for number in range(10):
            kinesis.put_record(name, b"%d" % number, "k%d" % (number % 3))
        (parent,) = shards_of(kinesis, name)
        kinesis.split_shard(name, parent["ShardId"], middle(parent))
        active(kinesis, name)
        for number in range(10, 20):
            kinesis.put_record(name, b"%d" % number, "k%d" % (number % 3))
        shards, seen = parents_first(shards_of(kinesis, name)), []
        for shard in shards:
            records, last = drain(kinesis, iterator(kinesis, name, shard["ShardId"], "TRIM_HORIZON"))
            equal(last.get("NextShardIterator") is None, shard["ShardId"] == parent["ShardId"])
            seen += [(record["PartitionKey"], int(record["Data"])) for record in records]
        equal(sorted(number for _, number in seen), list(range(20)))
        for key in ("k0", "k1", "k2"):
            numbers = [number for other, number in seen if other == key]
            equal(numbers, sorted(numbers))


@scenario
def tags(kinesis):
    with stream(kinesis) as name:
        equal(kinesis.add_tags_to_stream(name, {"a": "1", "b": "2", "c": "3"}), None)
        page = kinesis.list_tags_for_stream(name, limit=2)
        equal((len(page["Tags"]), page["HasMoreTags"]), (2, True))
        rest = kinesis.list_tags_for_stream(name, exclusive_start_tag_key=page["Tags"][-1]["Key"])
        equal(rest["Tags"], [{"Key": "c", "Value": "3"}])
        equal(kinesis.remove_tags_from_stream(name, ["a", "c", "absent"]), None)
        equal(kinesis.list_tags_for_stream(name)["Tags"], [{"Key": "b", "Value": "2"}])


@scenario
def retention(kinesis):
    # boto 2 is older than the operations; what it can see is the field.
    with stream(kinesis) as name:
        equal(kinesis.describe_stream(name)["StreamDescription"]["RetentionPeriodHours"], 24)


@scenario
def paging(kinesis):
    with stream(kinesis, 5) as name, stream(kinesis), stream(kinesis):
        first = kinesis.describe_stream(name, limit=3)["StreamDescription"]
        equal((len(first["Shards"]), first["HasMoreShards"]), (3, True))
        last = first["Shards"][-1]["ShardId"]
        rest = kinesis.describe_stream(name, exclusive_start_shard_id=last)["StreamDescription"]
        equal((len(rest["Shards"]), rest["HasMoreShards"]), (2, False))
        names, start = [], None
        while True:
            page = kinesis.list_streams(limit=1, exclusive_start_stream_name=start)
            names += page["StreamNames"]
            if not page["HasMoreStreams"]:
                break
            start = names[-1]
        assert name in names and names == sorted(set(names)), names


@scenario
def typed_errors(kinesis):
    def refused(kind, call, *arguments):
        try:
            call(*arguments)
        except kind as error:
            equal(error.status, 400)
            return error.body
        raise AssertionError("the call was taken")

    with stream(kinesis) as name:
        refused(errors.ResourceNotFoundException, kinesis.describe_stream, "absent")
        refused(errors.ResourceInUseException, kinesis.create_stream, name, 1)
        refused(errors.LimitExceededException, kinesis.create_stream, fresh("big"), 100_000)
        refused(errors.InvalidArgumentException, kinesis.get_records, "AAAA")
        body = refused(JSONResponseError, kinesis.create_stream, "a b", 1)
        equal(body["__type"], "ValidationException")
        assert body["message"].startswith("1 validation error detected: Value 'a b' at 'streamName'"), body


@scenario
def whole_api(_):
    equal(API - called, set())


if __name__ == "__main__":
    main(connect)
