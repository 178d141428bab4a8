"""boto3, unmodified: `boto3_suite.py ENDPOINT ENDPOINT_WITH_AWS_LIMITS`."""
import contextlib
import datetime
import time

import boto3
import botocore.config
from scenarios import equal, fresh, main, middle, parents_first, scenario, tiles_all_keys, wait_until


def connect(endpoint):
    config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 3, "mode": "standard"})
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    return boto3.client("kinesis", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)


@contextlib.contextmanager
def stream(kinesis, shards=1):
    """A stream for one scenario: active inside, deleted behind."""
    name = fresh("boto3")
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    active(kinesis, name)
    yield name
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})


def active(kinesis, name):
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})


def iterator(kinesis, name, shard, kind, **more):
    answer = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType=kind, **more)
    return answer["ShardIterator"]


def drain(kinesis, position):
    """All records from an iterator up to the tip or the shard's end; and the last reply."""
    records = []
    while True:
        reply = kinesis.get_records(ShardIterator=position)
        records += reply["Records"]
        position = reply.get("NextShardIterator")
        if position is None or (not reply["Records"] and reply["MillisBehindLatest"] == 0):
            return records, reply


def payloads(records):
    return [record["Data"] for record in records]


@scenario
def put_record_and_read_at_sequence(kinesis):
    with stream(kinesis, 4) as name:
        for number in range(8):
            kinesis.put_record(StreamName=name, Data=b"before", PartitionKey=f"k{number}")
        put = kinesis.put_record(StreamName=name, Data=b"the one", PartitionKey="key")
        kinesis.put_record(StreamName=name, Data=b"after", PartitionKey="key")
        at = {"StartingSequenceNumber": put["SequenceNumber"]}
        position = iterator(kinesis, name, put["ShardId"], "AT_SEQUENCE_NUMBER", **at)
        first = kinesis.get_records(ShardIterator=position)["Records"][0]
        equal((first["SequenceNumber"], first["Data"], first["PartitionKey"]), (put["SequenceNumber"], b"the one", "key"))
        assert abs(first["ApproximateArrivalTimestamp"].timestamp() - time.time()) < 60


@scenario
def put_many(kinesis):
    with stream(kinesis, 3) as name:
        entries = [{"Data": bytes([n % 256]) * n, "PartitionKey": f"k{n}"} for n in range(500)]
        reply = kinesis.put_records(StreamName=name, Records=entries)
        equal((reply["FailedRecordCount"], len(reply["Records"])), (0, 500))
        assert "EncryptionType" not in reply
        back = {}
        for shard in {record["ShardId"] for record in reply["Records"]}:
            records, _ = drain(kinesis, iterator(kinesis, name, shard, "TRIM_HORIZON"))
            numbers = [record["SequenceNumber"] for record in records]
            equal(numbers, sorted(numbers))  # as strings: the length is constant
            back |= {(shard, record["SequenceNumber"]): record for record in records}
        for entry, put in zip(entries, reply["Records"]):
            record = back.pop((put["ShardId"], put["SequenceNumber"]))
            equal((record["Data"], record["PartitionKey"]), (entry["Data"], entry["PartitionKey"]))
        equal(back, {})


@scenario
def partial_failures(kinesis):
    with stream(kinesis, 2) as name:
        shards = kinesis.list_shards(StreamName=name)["Shards"]
        keys = [shard["HashKeyRange"]["StartingHashKey"] for shard in shards]
        full = [{"Data": b"x" * 4096, "PartitionKey": "a", "ExplicitHashKey": keys[0]} for _ in range(400)]
        light = [{"Data": b"y", "PartitionKey": "b", "ExplicitHashKey": keys[1]} for _ in range(20)]
        reply = kinesis.put_records(StreamName=name, Records=full + light)
        refused = [record for record in reply["Records"] if "ErrorCode" in record]
        taken = [record for record in reply["Records"] if "ErrorCode" not in record]
        equal(len(refused), reply["FailedRecordCount"])
        assert 0 < len(refused) < 400, len(refused)
        for record in refused:
            equal(record["ErrorCode"], "ProvisionedThroughputExceededException")
            assert record["ErrorMessage"].startswith(f"Rate exceeded for shard {shards[0]['ShardId']} in stream {name}")
            assert "SequenceNumber" not in record and "ShardId" not in record
        equal(len([record for record in taken if record["ShardId"] == shards[1]["ShardId"]]), 20)
        time.sleep(1)
        records, _ = drain(kinesis, iterator(kinesis, name, shards[0]["ShardId"], "TRIM_HORIZON"))
        equal(len(records), len(taken) - 20)


@scenario
def five_iterator_types(kinesis):
    with stream(kinesis) as name:
        puts = []
        for number in range(5):
            time.sleep(0.02)
            puts.append(kinesis.put_record(StreamName=name, Data=b"%d" % number, PartitionKey="k"))
        shard, second = puts[0]["ShardId"], {"StartingSequenceNumber": puts[1]["SequenceNumber"]}
        everything, _ = drain(kinesis, iterator(kinesis, name, shard, "TRIM_HORIZON"))
        equal(payloads(everything), [b"0", b"1", b"2", b"3", b"4"])
        read = lambda kind, **more: payloads(drain(kinesis, iterator(kinesis, name, shard, kind, **more))[0])
        equal(read("AT_SEQUENCE_NUMBER", **second), [b"1", b"2", b"3", b"4"])
        equal(read("AFTER_SEQUENCE_NUMBER", **second), [b"2", b"3", b"4"])
        moment = everything[3]["ApproximateArrivalTimestamp"]
        equal(read("AT_TIMESTAMP", Timestamp=moment), [b"3", b"4"])
        equal(read("AT_TIMESTAMP", Timestamp=datetime.datetime(2001, 1, 1))[0], b"0")
        latest = iterator(kinesis, name, shard, "LATEST")
        kinesis.put_record(StreamName=name, Data=b"new", PartitionKey="k")
        equal(payloads(drain(kinesis, latest)[0]), [b"new"])
        equal(len(kinesis.get_records(ShardIterator=iterator(kinesis, name, shard, "TRIM_HORIZON"), Limit=2)["Records"]), 2)


def split(kinesis, name, shard):
    kinesis.split_shard(StreamName=name, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle(shard))
    active(kinesis, name)


def shards_of(kinesis, name):
    return kinesis.list_shards(StreamName=name)["Shards"]


@scenario
def split_and_merge(kinesis):
    with stream(kinesis) as name:
        (parent,) = shards_of(kinesis, name)
        split(kinesis, name, parent)
        parent, *children = shards_of(kinesis, name)
        assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
        equal([child["ParentShardId"] for child in children], [parent["ShardId"]] * 2)
        pair = [child["ShardId"] for child in children]
        kinesis.merge_shards(StreamName=name, ShardToMerge=pair[0], AdjacentShardToMerge=pair[1])
        active(kinesis, name)
        shards = shards_of(kinesis, name)
        equal((shards[3]["ParentShardId"], shards[3]["AdjacentParentShardId"]), tuple(pair))
        assert tiles_all_keys(shards)
        kinesis.update_shard_count(StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
        active(kinesis, name)
        equal(kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["OpenShardCount"], 2)
        assert tiles_all_keys(shards_of(kinesis, name))


@scenario
def closed_shards_then_children(kinesis):
    with stream(kinesis) as name:
        put = lambda number: kinesis.put_record(StreamName=name, Data=b"%d" % number, PartitionKey=f"k{number % 7}")
        for number in range(30):
            put(number)
        split(kinesis, name, shards_of(kinesis, name)[0])
        for number in range(30, 60):
            put(number)
        pair = [shard["ShardId"] for shard in shards_of(kinesis, name)[1:]]
        kinesis.merge_shards(StreamName=name, ShardToMerge=pair[0], AdjacentShardToMerge=pair[1])
        active(kinesis, name)
        for number in range(60, 90):
            put(number)
        seen, shards = [], parents_first(shards_of(kinesis, name))
        for shard in shards:
            records, last = drain(kinesis, iterator(kinesis, name, shard["ShardId"], "TRIM_HORIZON"))
            seen += [(record["PartitionKey"], int(record["Data"])) for record in records]
            heirs = [other for other in shards if shard["ShardId"] in
                     (other.get("ParentShardId"), other.get("AdjacentParentShardId"))]
            equal(last.get("NextShardIterator") is None, bool(heirs))
            told = {child["ShardId"]: child["ParentShards"] for child in last.get("ChildShards", [])}
            equal(sorted(told), sorted(heir["ShardId"] for heir in heirs))
            assert all(shard["ShardId"] in parents for parents in told.values())
        equal(sorted(number for _, number in seen), list(range(90)))
        for key in {key for key, _ in seen}:
            numbers = [number for other, number in seen if other == key]
            equal(numbers, sorted(numbers))


@scenario
def tags(kinesis):
    with stream(kinesis) as name:
        kinesis.add_tags_to_stream(StreamName=name, Tags={f"key{n}": f"value {n}" for n in range(10)})
        kinesis.add_tags_to_stream(StreamName=name, Tags={"key3": "other"})
        page = kinesis.list_tags_for_stream(StreamName=name, Limit=4)
        equal((len(page["Tags"]), page["HasMoreTags"]), (4, True))
        rest = kinesis.list_tags_for_stream(StreamName=name, ExclusiveStartTagKey=page["Tags"][-1]["Key"])
        equal((len(rest["Tags"]), rest["HasMoreTags"]), (6, False))
        found = {tag["Key"]: tag["Value"] for tag in page["Tags"] + rest["Tags"]}
        equal((found["key3"], found["key4"]), ("other", "value 4"))
        kinesis.remove_tags_from_stream(StreamName=name, TagKeys=[f"key{n}" for n in range(9)])
        equal(kinesis.list_tags_for_stream(StreamName=name)["Tags"], [{"Key": "key9", "Value": "value 9"}])


@scenario
def retention(kinesis):
    with stream(kinesis) as name:
        hours = lambda: kinesis.describe_stream(StreamName=name)["StreamDescription"]["RetentionPeriodHours"]
        equal(hours(), 24)
        kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=8760)
        active(kinesis, name)
        equal(hours(), 8760)
        kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
        active(kinesis, name)
        equal(hours(), 48)
        try:
            kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=47)
            raise AssertionError("an increase to less was taken")
        except kinesis.exceptions.InvalidArgumentException:
            pass


@scenario
def paging(kinesis):
    with stream(kinesis, 5) as name, contextlib.ExitStack() as others:
        names = {name, *(others.enter_context(stream(kinesis)) for _ in range(6))}
        listed = []
        for page in kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 3}):
            assert len(page["StreamNames"]) <= 3
            listed += page["StreamNames"]
        equal(listed, sorted(listed))
        assert names <= set(listed) and len(set(listed)) == len(listed)
        pages = list(kinesis.get_paginator("describe_stream").paginate(StreamName=name, PaginationConfig={"PageSize": 2}))
        equal([len(page["StreamDescription"]["Shards"]) for page in pages], [2, 2, 1])
        first = kinesis.list_shards(StreamName=name, MaxResults=2)
        second = kinesis.list_shards(NextToken=first["NextToken"], MaxResults=2)
        third = kinesis.list_shards(NextToken=second["NextToken"], MaxResults=2)
        shards = [shard["ShardId"] for page in (first, second, third) for shard in page["Shards"]]
        equal(shards, [f"shardId-{n:012}" for n in range(5)])
        assert "NextToken" not in third


@scenario
def typed_errors(kinesis):
    def refused(kind, call, **arguments):
        try:
            call(**arguments)
        except kind as error:
            equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
            assert error.response["ResponseMetadata"]["RequestId"]
            return error.response["Error"]["Message"]
        raise AssertionError(f"{call.__name__} was taken")

    errors = kinesis.exceptions
    with stream(kinesis) as name:
        message = refused(errors.ResourceNotFoundException, kinesis.describe_stream, StreamName="absent")
        equal(message, "Stream absent under account 000000000000 not found.")
        message = refused(errors.ResourceInUseException, kinesis.create_stream, StreamName=name, ShardCount=1)
        equal(message, f"Stream {name} under account 000000000000 already exists.")
        equal(refused(errors.InvalidArgumentException, kinesis.get_records, ShardIterator="AAAA"), "Invalid ShardIterator.")
        refused(errors.LimitExceededException, kinesis.create_stream, StreamName=fresh("big"), ShardCount=100_000)
        message = refused(errors.ClientError, kinesis.put_record, StreamName="a b", Data=b"", PartitionKey="")
        assert message.startswith("2 validation errors detected: Value "), message
        message = refused(errors.ClientError, kinesis.put_record, StreamName=name, Data=b"", PartitionKey=7)
        assert message.endswith("can not be converted to an String"), message
        other = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "not a number"}
        refused(errors.ClientError, kinesis.get_shard_iterator, StreamName=name, ShardId="shardId-000000000000", **other)


@scenario
def subscribe_to_shard(kinesis):
    with stream(kinesis) as name:
        arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
        consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="suite")["Consumer"]["ConsumerARN"]
        state = lambda: kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerStatus"]
        wait_until(lambda: state() == "ACTIVE")
        puts = [kinesis.put_record(StreamName=name, Data=b"%d" % number, PartitionKey="k") for number in range(3)]
        shard, start = {"ShardId": puts[0]["ShardId"]}, {"Type": "TRIM_HORIZON"}
        reply = kinesis.subscribe_to_shard(ConsumerARN=consumer, StartingPosition=start, **shard)
        records, last = [], None
        for event in reply["EventStream"]:
            last = event["SubscribeToShardEvent"]
            records += last["Records"]
            if len(records) == 3 and "ContinuationSequenceNumber" in last:
                split(kinesis, name, shards_of(kinesis, name)[0])  # ends the subscription
        equal(payloads(records), [b"0", b"1", b"2"])
        equal("ContinuationSequenceNumber" in last, False)
        equal([child["ParentShards"] for child in last["ChildShards"]], [[shard["ShardId"]]] * 2)
        kinesis.deregister_stream_consumer(ConsumerARN=consumer)


@scenario
def stream_arn_in_place_of_the_name(kinesis):
    with stream(kinesis) as name:
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        arn = summary["StreamARN"]
        equal(arn, f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}")
        put = kinesis.put_record(StreamARN=arn, Data=b"by arn", PartitionKey="k")
        at = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": put["SequenceNumber"]}
        position = kinesis.get_shard_iterator(StreamARN=arn, ShardId=put["ShardId"], **at)["ShardIterator"]
        equal(payloads(kinesis.get_records(StreamARN=arn, ShardIterator=position)["Records"]), [b"by arn"])
        equal(len(kinesis.list_shards(StreamARN=arn)["Shards"]), 1)


@scenario
def the_largest_and_the_smallest_record(kinesis):
    with stream(kinesis) as name:
        largest = bytes(range(256)) * 4096  # a mebibyte
        puts = [kinesis.put_record(StreamName=name, Data=data, PartitionKey="k") for data in (b"", largest)]
        records, _ = drain(kinesis, iterator(kinesis, name, puts[0]["ShardId"], "TRIM_HORIZON"))
        assert payloads(records) == [b"", largest]
        try:
            kinesis.put_record(StreamName=name, Data=largest + b"x", PartitionKey="k")
            raise AssertionError("more than a mebibyte was taken")
        except kinesis.exceptions.ClientError as error:
            equal(error.response["Error"]["Code"], "ValidationException")


if __name__ == "__main__":
    main(connect)
