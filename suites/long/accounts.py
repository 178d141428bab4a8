"""Two accounts in one server, by boto3: `accounts.py BINARY`. Who may do what is decided before anything is done."""
import contextlib
import datetime
import json
import pathlib
import sys
import tempfile
import unittest.mock

import botocore
import botocore.config
import botocore.exceptions

from server import Server, Stream, Verdict, connect

OWNER, STRANGER = "000000000000", "111111111111"
CREDENTIALS = f"""
[[key]]
id = "OWNER"
secret = "owner's secret"
account = "{OWNER}"

[[key]]
id = "STRANGER"
secret = "stranger's secret"
account = "{STRANGER}"
user = "ann"
policy = '{{"Statement": {{"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}}}}'
"""
ANN = f"arn:aws:iam::{STRANGER}:user/ann"


def code(call, **arguments):
    """What the call is refused with; None if it is not."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]


def denied(call, action, why, **arguments):
    """What is wrong with how the call is refused."""
    try:
        call(**arguments)
        yield f"{action} was allowed"
    except botocore.exceptions.ClientError as error:
        told = error.response["Error"]
        if told["Code"] != "AccessDeniedException" or ANN not in told["Message"] or why not in told["Message"]:
            yield f"{action}: {told}"


def read_all(kinesis, arn):
    """All records of a stream, as another account reads it: by its ARN alone."""
    records = []
    for shard in kinesis.list_shards(StreamARN=arn)["Shards"]:
        where = {"StreamARN": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        position = kinesis.get_shard_iterator(**where)["ShardIterator"]
        records += kinesis.get_records(ShardIterator=position, StreamARN=arn)["Records"]
    return sorted(record["Data"] for record in records)


def statement(effect, resource, *actions):
    principal = {"AWS": f"arn:aws:iam::{STRANGER}:root"}
    return {"Effect": effect, "Principal": principal, "Action": [f"kinesis:{action}" for action in actions], "Resource": resource}


def scenarios(owner, stranger):
    stream = Stream(owner, 2)
    texts = sorted(b"%d" % number for number in range(50))
    for text in texts:
        owner.put_record(StreamName=stream.name, Data=text, PartitionKey=text.decode())
    permit = lambda arn, *statements: owner.put_resource_policy(
        ResourceARN=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    reading = ("ListShards", "GetShardIterator", "GetRecords", "DescribeStreamSummary")
    lacks = "because no resource-based policy allows"
    yield "denied_without_a_policy", denied(stranger.list_shards, "ListShards", lacks, StreamARN=stream.arn)

    permit(stream.arn, statement("Allow", stream.arn, *reading))
    seen = read_all(stranger, stream.arn)
    wrong = [] if seen == texts else [f"{len(seen)} of {len(texts)} records"]
    put = {"StreamARN": stream.arn, "Data": b"", "PartitionKey": "k"}
    wrong += denied(stranger.put_record, "PutRecord", lacks, **put)
    yield "allowed_to_read_by_a_policy_and_nothing_else", wrong

    consumer = stream.consumer()
    where = {"ConsumerARN": consumer, "ShardId": "shardId-000000000000", "StartingPosition": {"Type": "TRIM_HORIZON"}}
    wrong = list(denied(stranger.subscribe_to_shard, "SubscribeToShard", lacks, **where))
    permit(consumer, statement("Allow", consumer, "SubscribeToShard", "DescribeStreamConsumer"))
    with contextlib.closing(stranger.subscribe_to_shard(**where)["EventStream"]) as events:
        first = next(iter(events))["SubscribeToShardEvent"]
        wrong += [] if first["Records"] else ["no records in the first event"]
    yield "a_consumer_has_a_policy_of_its_own", wrong

    permit(stream.arn, statement("Allow", stream.arn, *reading), statement("Deny", stream.arn, "GetRecords"))
    where = {"StreamARN": stream.arn, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    position = stranger.get_shard_iterator(**where)["ShardIterator"]
    explicit = "with an explicit deny in a resource-based policy"
    yield "an_explicit_deny_wins", denied(stranger.get_records, "GetRecords", explicit, ShardIterator=position)

    owner.delete_resource_policy(ResourceARN=stream.arn)
    yield "denied_again_without_it", denied(stranger.list_shards, "ListShards", lacks, StreamARN=stream.arn)
    own = stranger.list_streams()["StreamNames"]
    yield "names_are_each_account_s_own", [f"{own} listed"] if own else []


def forged(endpoint):
    """Who is not who he says is refused before anything is done."""
    keys = {"aws_access_key_id": "OWNER", "aws_secret_access_key": "owner's secret"}
    create = {"StreamName": "forged", "ShardCount": 1}
    wrong_secret = connect(endpoint, **keys | {"aws_secret_access_key": "a guess"})
    unknown_key = connect(endpoint, **keys | {"aws_access_key_id": "NOBODY"})
    unsigned = connect(endpoint, **keys)
    unsigned.meta.events.register("choose-signer.kinesis.*", lambda **_: botocore.UNSIGNED)
    yield "wrong_secret", code(wrong_secret.create_stream, **create), "InvalidSignatureException"
    yield "unknown_key", code(unknown_key.create_stream, **create), "UnrecognizedClientException"
    yield "unsigned", code(unsigned.create_stream, **create), "MissingAuthenticationTokenException"
    hour_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    with unittest.mock.patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: hour_ago.replace(tzinfo=None)):
        yield "old_date", code(connect(endpoint, **keys).create_stream, **create), "InvalidSignatureException"


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="headwater-accounts-"))
    (folder / "credentials.toml").write_text(CREDENTIALS)
    server, verdict = Server(sys.argv[1], "--credentials", str(folder / "credentials.toml")), Verdict()
    owner = server.client(aws_access_key_id="OWNER", aws_secret_access_key="owner's secret")
    stranger = server.client(aws_access_key_id="STRANGER", aws_secret_access_key="stranger's secret")
    for name, wrong in scenarios(owner, stranger):
        verdict.say(name, wrong)
    for name, told, expected in forged(server.endpoint):
        verdict.say(name, [] if told == expected else [f"{told} is not {expected}"])
    verdict.say("nothing_was_forged", [name for name in owner.list_streams()["StreamNames"] if name == "forged"])
    server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
