"""DynamoDB with boto3, unmodified, client and resource: `dynamodb_suite.py ENDPOINT ENDPOINT_WITH_AWS_LIMITS`."""
import contextlib
import decimal
import time
import types

import boto3
import botocore.config
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from dynamodb_refusals import ITEM_REFUSALS, TABLE_REFUSALS, Refusal
from scenarios import equal, fresh, main, scenario, wait_until

THROUGHPUT = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}


def connect(endpoint):
    """The service through boto3's client, its resource, and the client of its streams."""
    config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 3, "mode": "standard"})
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    settings = {"endpoint_url": endpoint, "region_name": "us-east-1", "config": config} | keys
    return types.SimpleNamespace(
        client=boto3.client("dynamodb", **settings),
        resource=boto3.resource("dynamodb", **settings),
        streams=boto3.client("dynamodbstreams", **settings),
    )


def schema(*names):
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]


def index(name, *keys, projection="ALL", **more):
    return {"IndexName": name, "KeySchema": schema(*keys), "Projection": {"ProjectionType": projection} | more}


def definition(name, **more):
    """A table of hash key `pk` (a string) and range key `sk` (a number)."""
    types_of = {"pk": "S", "sk": "N"} | more.pop("types", {})
    definitions = [{"AttributeName": key, "AttributeType": kind} for key, kind in types_of.items()]
    base = {"TableName": name, "KeySchema": schema("pk", "sk"), "BillingMode": "PAY_PER_REQUEST"}
    return base | {"AttributeDefinitions": definitions} | more


@contextlib.contextmanager
def table(dynamodb, **more):
    """A table for one scenario, as a resource: active inside, deleted behind."""
    made = dynamodb.resource.create_table(**definition(fresh("boto3"), **more))
    made.wait_until_exists()
    yield made
    made.delete()
    made.wait_until_not_exists()


def refused(kind, call, **arguments):
    """The response of the typed error that the call must give."""
    try:
        call(**arguments)
    except kind as error:
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        return error.response
    raise AssertionError("was taken")


@scenario
def every_type_through_the_resource(dynamodb):
    with table(dynamodb) as items:
        item = {
            "pk": "café", "sk": decimal.Decimal("-1.5"), "binary": Binary(bytes(range(256))), "yes": True, "null": None,
            "list": [1, "two", [decimal.Decimal("3.25")]], "map": {"deep": {"er": ""}}, "strings": {"a", "b"},
            "numbers": {decimal.Decimal(1), decimal.Decimal("2.5")}, "binaries": {Binary(b"x"), Binary(b"y")},
            "large": decimal.Decimal("12345678901234567890123456789012345678"), "tiny": decimal.Decimal("1E-130"),
        }
        items.put_item(Item=item)
        equal(items.get_item(Key={"pk": "café", "sk": decimal.Decimal("-1.50")}, ConsistentRead=True)["Item"], item)


@scenario
def put_update_and_delete_return_values(dynamodb):
    with table(dynamodb) as items:
        key = {"pk": "a", "sk": 1}
        equal("Attributes" in items.put_item(Item=key | {"v": 1}, ReturnValues="ALL_OLD"), False)
        equal(items.put_item(Item=key | {"v": 2}, ReturnValues="ALL_OLD")["Attributes"], key | {"v": 1})
        update = lambda wanted, **more: items.update_item(Key=key, ReturnValues=wanted, **more).get("Attributes")
        one = {":one": 1}
        add = {"UpdateExpression": "ADD v :one", "ExpressionAttributeValues": one}
        equal(update("UPDATED_NEW", **add), {"v": 3})
        equal(update("UPDATED_OLD", **add), {"v": 3})
        equal(update("ALL_OLD", **add), key | {"v": 4})
        nested = {"UpdateExpression": "SET m = :m, l = :l", "ExpressionAttributeValues": {":m": {"x": 1, "y": 2}, ":l": [1, 2, 3]}}
        equal(update("ALL_NEW", **nested), key | {"v": 5, "m": {"x": 1, "y": 2}, "l": [1, 2, 3]})
        leafs = {"UpdateExpression": "SET m.x = :one, l[2] = :one", "ExpressionAttributeValues": one}
        equal(update("UPDATED_NEW", **leafs), {"m": {"x": 1}, "l": [1]})
        equal(update("UPDATED_NEW", UpdateExpression="REMOVE v, l[0]"), {"l": [2]})
        swap = {"UpdateExpression": "SET a = :one, b = :two", "ExpressionAttributeValues": {":one": 1, ":two": 2}}
        update("NONE", **swap)
        equal(update("UPDATED_NEW", UpdateExpression="SET a = b, b = a"), {"a": 2, "b": 1})
        legacy = {"AttributeUpdates": {"b": {"Action": "ADD", "Value": 5}, "a": {"Action": "DELETE"}}}
        equal(update("UPDATED_NEW", **legacy), {"b": 6})
        gone = items.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"]
        equal((gone["b"], gone["m"]), (6, {"x": 1, "y": 2}))
        equal("Attributes" in items.delete_item(Key=key, ReturnValues="ALL_OLD"), False)
        equal("Item" in items.get_item(Key=key), False)


@scenario
def conditions(dynamodb):
    errors = dynamodb.client.exceptions
    with table(dynamodb) as items:
        key = {"pk": "a", "sk": 1}
        item = key | {"n": 5, "s": "hello", "set": {"x"}, "m": {"l": [1, 2]}}
        items.put_item(Item=item, ConditionExpression=Attr("pk").not_exists())
        holds = [
            Attr("n").eq(5), Attr("n").ne(4), Attr("n").between(5, 6), Attr("n").is_in([4, 5]), Attr("s").begins_with("he"),
            Attr("s").contains("ell"), Attr("set").contains("x"), Attr("s").size().eq(5), Attr("m.l").size().gte(2),
            Attr("m.l[1]").eq(2), Attr("n").attribute_type("N"), Attr("none").not_exists(), ~Attr("n").lt(5),
            Attr("n").eq(0) | (Attr("s").exists() & Attr("n").gt(4)), Attr("none").ne(1),
        ]
        for condition in holds:
            items.put_item(Item=item, ConditionExpression=condition)
            told = refused(errors.ConditionalCheckFailedException, items.put_item, Item=item, ConditionExpression=~condition)
            equal(told["Error"]["Message"], "The conditional request failed")
        failing = {"ConditionExpression": Attr("n").eq(6), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        for call, what in ((items.put_item, {"Item": item}), (items.delete_item, {"Key": key})):
            told = refused(errors.ConditionalCheckFailedException, call, **what, **failing)
            equal((told["Item"]["n"], told["Item"]["m"]), ({"N": "5"}, {"M": {"l": {"L": [{"N": "1"}, {"N": "2"}]}}}))
        absent = {"Key": {"pk": "b", "sk": 1}} | failing
        equal("Item" in refused(errors.ConditionalCheckFailedException, items.delete_item, **absent), False)
        expected = {"Expected": {"n": {"ComparisonOperator": "GT", "AttributeValueList": [5]}}}
        refused(errors.ConditionalCheckFailedException, items.delete_item, Key=key, **expected)


def fill(items, count, filler=""):
    with items.batch_writer() as batch:
        for number in range(count):
            batch.put_item(Item={"pk": f"p{number % 4}", "sk": number, "n": number % 10, "filler": filler})


@scenario
def batches(dynamodb):
    with table(dynamodb) as items:
        with items.batch_writer(overwrite_by_pkeys=["pk", "sk"]) as batch:
            for number in range(120):
                batch.put_item(Item={"pk": "p", "sk": number % 60, "n": number})
        keys = [{"pk": "p", "sk": number} for number in range(70)]
        reply = dynamodb.resource.batch_get_item(RequestItems={items.name: {"Keys": keys, "ConsistentRead": True}})
        found = {int(item["sk"]): int(item["n"]) for item in reply["Responses"][items.name]}
        equal((found, reply["UnprocessedKeys"]), ({number: number + 60 for number in range(60)}, {}))
        with items.batch_writer() as batch:
            for number in range(59):
                batch.delete_item(Key={"pk": "p", "sk": number})
        equal([int(item["sk"]) for item in items.scan()["Items"]], [59])


@scenario
def a_batch_get_stops_at_16_mb(dynamodb):
    with table(dynamodb) as items:
        fill(items, 50, "x" * 399_000)
        keys = [{"pk": f"p{number % 4}", "sk": number} for number in range(50)]
        wanted = {items.name: {"Keys": keys, "ProjectionExpression": "#n, sk", "ExpressionAttributeNames": {"#n": "n"}}}
        reply = dynamodb.resource.batch_get_item(RequestItems=wanted)
        left = reply["UnprocessedKeys"][items.name]
        taken = len(reply["Responses"][items.name])
        equal((taken + len(left["Keys"]), left["ProjectionExpression"], left["ExpressionAttributeNames"]), (50, "#n, sk", {"#n": "n"}))
        assert 38 <= taken <= 43, taken
        rest = dynamodb.resource.batch_get_item(RequestItems=reply["UnprocessedKeys"])
        equal((len(rest["Responses"][items.name]), rest["UnprocessedKeys"]), (50 - taken, {}))


@scenario
def queries_and_pages(dynamodb):
    with table(dynamodb) as items:
        fill(items, 80)
        numbers = lambda reply: [int(item["sk"]) for item in reply["Items"]]
        query = lambda condition, **more: items.query(KeyConditionExpression=condition, **more)
        p1 = Key("pk").eq("p1")
        equal(numbers(query(p1)), list(range(1, 80, 4)))
        equal(numbers(query(p1, ScanIndexForward=False, Limit=3)), [77, 73, 69])
        equal(numbers(query(p1 & Key("sk").between(10, 20))), [13, 17])
        equal(numbers(query(p1 & Key("sk").gte(70))), [73, 77])
        equal(numbers(query(p1 & Key("sk").lt(5))), [1])
        reply = query(p1, FilterExpression=Attr("n").eq(3), Select="COUNT")
        equal((reply["Count"], reply["ScannedCount"], "Items" in reply), (4, 20, False))
        equal(query(p1, ProjectionExpression="n", Limit=1)["Items"], [{"n": 1}])
        exactly = query(p1, Limit=20)
        equal((exactly["LastEvaluatedKey"], numbers(query(p1, ExclusiveStartKey=exactly["LastEvaluatedKey"]))), ({"pk": "p1", "sk": 77}, []))
        values = {":p": {"S": "p2"}}
        pages = dynamodb.client.get_paginator("query").paginate(
            TableName=items.name, KeyConditionExpression="pk = :p", ExpressionAttributeValues=values, PaginationConfig={"PageSize": 7})
        equal([page["Count"] for page in pages], [7, 7, 6])
        legacy = {"KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": ["p3"]}}}
        legacy |= {"QueryFilter": {"n": {"ComparisonOperator": "LT", "AttributeValueList": [4]}}}
        equal(numbers(items.query(**legacy)), [3, 11, 23, 31, 43, 51, 63, 71])


@scenario
def a_parallel_scan_parts_the_whole_in_its_order(dynamodb):
    with table(dynamodb) as items:
        with items.batch_writer() as batch:
            for number in range(300):
                batch.put_item(Item={"pk": f"key{number}", "sk": 0})
        scan = dynamodb.client.get_paginator("scan").paginate
        keys = lambda **more: [
            item["pk"]["S"] for page in scan(TableName=items.name, PaginationConfig={"PageSize": 17}, **more) for item in page["Items"]]
        whole = keys()
        equal(sorted(whole), sorted(f"key{number}" for number in range(300)))
        parts = [keys(Segment=segment, TotalSegments=7) for segment in range(7)]
        assert all(parts), [len(part) for part in parts]
        equal([key for part in parts for key in part], whole)


@scenario
def a_page_ends_with_the_item_that_crosses_1_mb(dynamodb):
    with table(dynamodb) as items:
        for number in range(5):
            items.put_item(Item={"pk": "p", "sk": number, "filler": "x" * 300_000})
        more = {"FilterExpression": Attr("sk2").exists(), "ReturnConsumedCapacity": "TOTAL"}
        for call in (items.scan, lambda **other: items.query(KeyConditionExpression=Key("pk").eq("p"), **other)):
            page = call(**more)
            equal((page["Count"], page["ScannedCount"], page["LastEvaluatedKey"]), (0, 4, {"pk": "p", "sk": 3}))
            equal(page["ConsumedCapacity"]["CapacityUnits"], 146.5)
            rest = call(ExclusiveStartKey=page["LastEvaluatedKey"], **more)
            equal((rest["ScannedCount"], "LastEvaluatedKey" in rest), (1, False))


@scenario
def indexes(dynamodb):
    globals_ = [index("by_n", "n", "sk", projection="KEYS_ONLY"), index("some", "n", projection="INCLUDE", NonKeyAttributes=["extra"])]
    locals_ = [index("by_name", "pk", "name")]
    with table(dynamodb, types={"n": "N", "name": "S"}, GlobalSecondaryIndexes=globals_, LocalSecondaryIndexes=locals_) as items:
        for number in range(30):
            item = {"pk": f"p{number % 2}", "sk": number, "n": number % 3, "extra": "e", "other": "o"}
            items.put_item(Item=item | ({"name": f"name{99 - number}"} if number < 20 else {}))
        query = lambda name, condition, **more: items.query(IndexName=name, KeyConditionExpression=condition, **more)
        found = query("by_n", Key("n").eq(1) & Key("sk").gt(20))["Items"]
        equal(found, [{"pk": f"p{number % 2}", "sk": number, "n": 1} for number in (22, 25, 28)])
        equal(sorted(query("some", Key("n").eq(1), Limit=1)["Items"][0]), ["extra", "n", "pk", "sk"])
        seen, position = [], {}
        while True:
            page = query("some", Key("n").eq(2), Limit=3, **position)
            seen += [int(item["sk"]) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            equal(sorted(page["LastEvaluatedKey"]), ["n", "pk", "sk"])
            position = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        equal(sorted(seen), list(range(2, 30, 3)))
        by_name = query("by_name", Key("pk").eq("p0") & Key("name").begins_with("name9"), ConsistentRead=True)
        equal([item["sk"] for item in by_name["Items"]], [8, 6, 4, 2, 0])
        equal(items.scan(IndexName="by_name")["Count"], 20)
        items.update_item(Key={"pk": "p0", "sk": 0}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": 7})
        items.update_item(Key={"pk": "p1", "sk": 1}, UpdateExpression="REMOVE n")
        equal([query("by_n", Key("n").eq(n))["Count"] for n in (0, 1, 7)], [9, 9, 1])


@scenario
def an_index_comes_and_goes_on_a_live_table(dynamodb):
    client = dynamodb.client
    with table(dynamodb) as items:
        fill(items, 200)
        more = {"AttributeDefinitions": [{"AttributeName": "n", "AttributeType": "N"}]}
        client.update_table(TableName=items.name, GlobalSecondaryIndexUpdates=[{"Create": index("late", "n", "sk")}],
                            AttributeDefinitions=definition("x")["AttributeDefinitions"] + more["AttributeDefinitions"])
        state = lambda: [one["IndexStatus"] for one in client.describe_table(TableName=items.name)["Table"].get("GlobalSecondaryIndexes", [])]
        wait_until(lambda: state() == ["ACTIVE"])
        equal(items.query(IndexName="late", KeyConditionExpression=Key("n").eq(3))["Count"], 20)
        equal(client.describe_table(TableName=items.name)["Table"]["GlobalSecondaryIndexes"][0]["ItemCount"], 200)
        client.update_table(TableName=items.name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "late"}}])
        wait_until(lambda: state() == [])


@scenario
def multi_attribute_index_keys(dynamodb):
    keys = [("tenant", "HASH"), ("region", "HASH"), ("day", "RANGE"), ("number", "RANGE")]
    wide = {"IndexName": "wide", "Projection": {"ProjectionType": "ALL"}}
    wide["KeySchema"] = [{"AttributeName": name, "KeyType": kind} for name, kind in keys]
    with table(dynamodb, types={"tenant": "S", "region": "S", "day": "S", "number": "N"}, GlobalSecondaryIndexes=[wide]) as items:
        for number in range(24):
            items.put_item(Item={"pk": str(number), "sk": 0, "tenant": f"t{number % 2}", "region": "eu", "day": f"d{number % 4}", "number": number})
        condition = "tenant = :t AND #r = :r AND #d = :d AND #n > :n"
        names = {"#r": "region", "#d": "day", "#n": "number"}
        values = {":t": "t1", ":r": "eu", ":d": "d3", ":n": 8}
        found = items.query(IndexName="wide", KeyConditionExpression=condition, ExpressionAttributeNames=names, ExpressionAttributeValues=values)
        equal([int(item["number"]) for item in found["Items"]], [11, 15, 19, 23])


@scenario
def transactions(dynamodb):
    client, errors = dynamodb.client, dynamodb.client.exceptions
    with table(dynamodb) as items:
        key = lambda number: {"pk": {"S": "a"}, "sk": {"N": str(number)}}
        put = lambda number, **more: {"Put": {"TableName": items.name, "Item": key(number) | {"v": {"B": b"\0\1"}}} | more}
        check = {"ConditionCheck": {"TableName": items.name, "Key": key(9), "ConditionExpression": "attribute_not_exists(pk)"}}
        client.transact_write_items(TransactItems=[put(1), put(2), check], ClientRequestToken="once")
        client.delete_item(TableName=items.name, Key=key(2))
        client.transact_write_items(TransactItems=[put(1), put(2), check], ClientRequestToken="once")
        equal("Item" in client.get_item(TableName=items.name, Key=key(2)), False)
        refused(errors.IdempotentParameterMismatchException, client.transact_write_items, TransactItems=[put(3)], ClientRequestToken="once")
        failing = put(1, ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
        told = refused(errors.TransactionCanceledException, client.transact_write_items, TransactItems=[put(4), failing])
        text = "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]"
        equal(told["Error"]["Message"], text)
        reason = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": key(1) | {"v": {"B": b"\0\1"}}}
        equal(told["CancellationReasons"], [{"Code": "None"}, reason])
        update = {"Update": {"TableName": items.name, "Key": key(1), "UpdateExpression": "ADD v :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}
        told = refused(errors.TransactionCanceledException, client.transact_write_items, TransactItems=[update, put(5)])
        reason = {"Code": "ValidationError", "Message": "An operand in the update expression has an incorrect data type"}
        equal(told["CancellationReasons"], [reason, {"Code": "None"}])
        gets = [{"Get": {"TableName": items.name, "Key": key(number)}} for number in (1, 4, 5)]
        found = client.transact_get_items(TransactItems=gets, ReturnConsumedCapacity="TOTAL")
        equal([reply.get("Item", {}).get("sk") for reply in found["Responses"]], [{"N": "1"}, None, None])
        equal(found["ConsumedCapacity"][0]["CapacityUnits"], 6.0)


@scenario
def time_to_live(dynamodb):
    client = dynamodb.client
    with table(dynamodb) as items:
        told = lambda: client.describe_time_to_live(TableName=items.name)["TimeToLiveDescription"]
        equal(told(), {"TimeToLiveStatus": "DISABLED"})
        wanted = {"Enabled": True, "AttributeName": "expires"}
        equal(client.update_time_to_live(TableName=items.name, TimeToLiveSpecification=wanted)["TimeToLiveSpecification"], wanted)
        wait_until(lambda: told() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"})
        again = refused(client.exceptions.ClientError, client.update_time_to_live, TableName=items.name, TimeToLiveSpecification=wanted)
        equal(again["Error"], {"Code": "ValidationException", "Message": "TimeToLive is already enabled"})


@scenario
def expiry(dynamodb):
    """What is over goes by itself, and the stream says who took it."""
    streamed = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    with table(dynamodb, StreamSpecification=streamed) as items:
        wanted = {"Enabled": True, "AttributeName": "expires"}
        dynamodb.client.update_time_to_live(TableName=items.name, TimeToLiveSpecification=wanted)
        now, day = int(time.time()), 86_400
        # Over, to come, over for more than five years, and no number.
        expires = {1: now - 1, 2: now + day, 3: now - 6 * 365 * day, 4: str(now - 1)}
        for number, moment in expires.items():
            items.put_item(Item={"pk": "a", "sk": number, "expires": moment})
        left = lambda: [int(item["sk"]) for item in items.query(KeyConditionExpression=Key("pk").eq("a"))["Items"]]
        wait_until(lambda: left() == [2, 3, 4], seconds=90)
        items.delete_item(Key={"pk": "a", "sk": 2})
        removed = [record for record in records_of(dynamodb.streams, items.latest_stream_arn) if record["eventName"] == "REMOVE"]
        equal([record["dynamodb"]["Keys"]["sk"] for record in removed], [{"N": "1"}, {"N": "2"}])
        service = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
        told = {name.lower(): value for name, value in removed[0]["userIdentity"].items()}
        equal(told, {name.lower(): value for name, value in service.items()})
        equal(removed[0]["dynamodb"]["OldImage"]["expires"], {"N": str(now - 1)})
        equal("userIdentity" in removed[1], False)


@scenario
def provisioned_throughput(dynamodb):
    """A table takes what is provisioned, each operation in its own way of saying so, and goes on a second later."""
    config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 0})
    client = boto3.client("dynamodb", endpoint_url=dynamodb.client.meta.endpoint_url, region_name="us-east-1", config=config,
                          aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret")
    exceeded = client.exceptions.ProvisionedThroughputExceededException
    sentence = ("The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
                "provisioning level with the UpdateTable API.")
    with table(dynamodb, BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}) as items:
        key = lambda number: {"pk": {"S": "a"}, "sk": {"N": str(number)}}

        def exhaust():
            """Writes until there is no more; the error that ends it."""
            for number in range(1000):
                try:
                    client.put_item(TableName=items.name, Item=key(number))
                except exceeded as error:
                    return number, error.response
            raise AssertionError("1,000 writes against 5 a second")

        written, told = exhaust()
        assert 5 <= written < 100, written
        equal((told["Error"]["Code"], told["Error"]["Message"]), ("ProvisionedThroughputExceededException", sentence))
        reason = {"reason": "TableWriteProvisionedThroughputExceeded", "resource": items.table_arn}
        equal(told["ThrottlingReasons"], [reason])
        put = {"Put": {"TableName": items.name, "Item": key(0)}}
        insert = f"INSERT INTO \"{items.name}\" VALUE {{'pk': 'b', 'sk': 1}}"

        def throttled(call, **arguments):
            """What a call that is refused says, while the table is kept exhausted."""
            for _ in range(100):
                exhaust()
                try:
                    reply = call(**arguments)
                except client.exceptions.ClientError as error:
                    return error.response
                for response in reply.get("Responses", []):
                    if "Error" in response:
                        return response
            raise AssertionError("never refused")

        cancelled = throttled(client.transact_write_items, TransactItems=[put])
        equal(cancelled["CancellationReasons"], [{"Code": "ProvisionedThroughputExceeded", "Message": sentence}])
        cancelled = throttled(client.execute_transaction, TransactStatements=[{"Statement": insert}])
        equal(cancelled["CancellationReasons"], [{"Code": "ProvisionedThroughputExceeded", "Message": sentence}])
        equal(throttled(client.execute_statement, Statement=insert)["Error"]["Code"], "ProvisionedThroughputExceededException")
        told = throttled(client.batch_execute_statement, Statements=[{"Statement": insert}])
        equal(told["Error"], {"Code": "ProvisionedThroughputExceeded", "Message": sentence})
        time.sleep(1.1)
        left = client.batch_write_item(RequestItems={items.name: [{"PutRequest": {"Item": key(number)}} for number in range(25)]})
        unprocessed = left["UnprocessedItems"][items.name]
        assert 15 <= len(unprocessed) < 25, len(unprocessed)
        equal(unprocessed[-1], {"PutRequest": {"Item": key(24)}})
        with items.batch_writer() as batch:  # retries what was left out, as its users expect
            for number in range(12):
                batch.put_item(Item={"pk": "c", "sk": number})
        equal(items.query(KeyConditionExpression=Key("pk").eq("c"), Select="COUNT")["Count"], 12)


def records_of(streams, arn):
    """All records of a stream so far, shard by shard."""
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        where = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        position = streams.get_shard_iterator(**where)["ShardIterator"]
        while position:
            reply = streams.get_records(ShardIterator=position)
            records += reply["Records"]
            position = reply.get("NextShardIterator") if reply["Records"] else None
    return records


@scenario
def a_stream_tells_every_change(dynamodb):
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    with table(dynamodb, StreamSpecification=view) as items:
        key, arn = {"pk": "a", "sk": 1}, items.latest_stream_arn
        items.put_item(Item=key | {"v": 1})
        items.put_item(Item=key | {"v": 1})  # changes nothing: no record
        items.put_item(Item=key | {"v": 2})
        items.delete_item(Key=key)
        items.delete_item(Key=key)
        wait_until(lambda: len(records_of(dynamodb.streams, arn)) >= 3)
        records = records_of(dynamodb.streams, arn)
        equal([record["eventName"] for record in records], ["INSERT", "MODIFY", "REMOVE"])
        images = [[record["dynamodb"].get(side, {}).get("v") for side in ("OldImage", "NewImage")] for record in records]
        equal(images, [[None, {"N": "1"}], [{"N": "1"}, {"N": "2"}], [{"N": "2"}, None]])
        equal([record["dynamodb"]["Keys"] for record in records], [{"pk": {"S": "a"}, "sk": {"N": "1"}}] * 3)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        equal((numbers, {len(number) for number in numbers}), (sorted(numbers), {len(numbers[0])}))
        listed = dynamodb.streams.list_streams(TableName=items.name)["Streams"]
        equal([(one["StreamArn"], one["TableName"]) for one in listed], [(arn, items.name)])
        dynamodb.client.update_table(TableName=items.name, StreamSpecification={"StreamEnabled": False})
        state = lambda: dynamodb.streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"]
        wait_until(lambda: state() == "DISABLED")
        equal(len(records_of(dynamodb.streams, arn)), 3)


@scenario
def statements(dynamodb):
    client = dynamodb.client
    with table(dynamodb) as items:
        execute = lambda statement, *values: client.execute_statement(Statement=statement, **({"Parameters": list(values)} if values else {}))
        for number in range(5):
            execute(f"INSERT INTO \"{items.name}\" VALUE {{'pk': 'a', 'sk': ?, 'v': 'x'}}", {"N": str(number)})
        found = execute(f'SELECT sk FROM "{items.name}" WHERE pk = ? AND sk >= 3', {"S": "a"})["Items"]
        equal(found, [{"sk": {"N": "3"}}, {"sk": {"N": "4"}}])
        told = execute(f"UPDATE \"{items.name}\" SET v = 'y' WHERE pk = 'a' AND sk = 1 RETURNING ALL NEW *")["Items"]
        equal(told, [{"pk": {"S": "a"}, "sk": {"N": "1"}, "v": {"S": "y"}}])
        execute(f"DELETE FROM \"{items.name}\" WHERE pk = 'a' AND sk = 0")
        duplicate = f"INSERT INTO \"{items.name}\" VALUE {{'pk': 'a', 'sk': 1}}"
        refused(client.exceptions.DuplicateItemException, client.execute_statement, Statement=duplicate)
        batch = [{"Statement": f"SELECT * FROM \"{items.name}\" WHERE pk='a' AND sk={number}"} for number in (1, 0)]
        equal(["Item" in reply for reply in client.batch_execute_statement(Statements=batch)["Responses"]], [True, False])


@scenario
def capacity_figures(dynamodb):
    globals_ = [index("by_n", "n")]
    with table(dynamodb, types={"n": "N", "l": "S"}, GlobalSecondaryIndexes=globals_, LocalSecondaryIndexes=[index("by_l", "pk", "l", projection="KEYS_ONLY")]) as items:
        units = lambda call, kind="TOTAL", **more: call(ReturnConsumedCapacity=kind, **more)["ConsumedCapacity"]
        key = {"pk": "a", "sk": 1}
        equal(units(items.get_item, Key=key)["CapacityUnits"], 0.5)
        equal(units(items.put_item, Item=key)["CapacityUnits"], 1.0)
        big = key | {"n": 1, "l": "l", "filler": "x" * 5000}
        told = units(items.put_item, "INDEXES", Item=big)
        figures = lambda told: (told["CapacityUnits"], told["Table"]["CapacityUnits"],
                                {name: one["CapacityUnits"] for name, one in told.get("GlobalSecondaryIndexes", {}).items()},
                                {name: one["CapacityUnits"] for name, one in told.get("LocalSecondaryIndexes", {}).items()})
        equal(figures(told), (11.0, 5.0, {"by_n": 5.0}, {"by_l": 1.0}))
        equal(units(items.get_item, Key=key)["CapacityUnits"], 1.0)
        equal(units(items.get_item, Key=key, ConsistentRead=True)["CapacityUnits"], 2.0)
        told = units(items.query, "INDEXES", IndexName="by_n", KeyConditionExpression=Key("n").eq(1))
        equal(figures(told), (1.0, 0.0, {"by_n": 1.0}, {}))
        told = units(items.query, "INDEXES", IndexName="by_l", KeyConditionExpression=Key("pk").eq("a"), Select="ALL_ATTRIBUTES")
        equal(figures(told), (1.5, 1.0, {}, {"by_l": 0.5}))
        rename = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": 2}}
        equal(figures(units(items.update_item, "INDEXES", Key=key, **rename)), (15.0, 5.0, {"by_n": 10.0}, {}))
        equal(units(items.delete_item, Key={"pk": "b", "sk": 1})["CapacityUnits"], 1.0)
        put = {"Put": {"TableName": items.name, "Item": {"pk": {"S": "t"}, "sk": {"N": "1"}}}}
        equal(units(dynamodb.client.transact_write_items, TransactItems=[put])[0]["CapacityUnits"], 2.0)


@scenario
def what_terraform_reads_after_a_create(dynamodb):
    client = dynamodb.client
    tags = [{"Key": "a", "Value": "b"}]
    more = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": THROUGHPUT, "TableClass": "STANDARD", "Tags": tags}
    stream = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}
    globals_ = [index("by_n", "n") | {"ProvisionedThroughput": THROUGHPUT}]
    with table(dynamodb, types={"n": "N"}, GlobalSecondaryIndexes=globals_, **more, **stream) as items:
        told = client.describe_table(TableName=items.name)["Table"]
        equal((told["TableStatus"], told["TableArn"]), ("ACTIVE", f"arn:aws:dynamodb:us-east-1:000000000000:table/{items.name}"))
        equal(told["GlobalSecondaryIndexes"][0]["IndexStatus"], "ACTIVE")
        backups = client.describe_continuous_backups(TableName=items.name)["ContinuousBackupsDescription"]
        equal(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "DISABLED")
        equal(client.describe_time_to_live(TableName=items.name)["TimeToLiveDescription"]["TimeToLiveStatus"], "DISABLED")
        equal(client.list_tags_of_resource(ResourceArn=told["TableArn"])["Tags"], tags)
        client.update_table(TableName=items.name, BillingMode="PAY_PER_REQUEST")
        items.wait_until_exists()
        equal(client.describe_table(TableName=items.name)["Table"]["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        equal(client.describe_table(TableName=told["TableArn"])["Table"]["TableName"], items.name)


@scenario
def tables_and_their_settings(dynamodb):
    client, errors = dynamodb.client, dynamodb.client.exceptions
    with contextlib.ExitStack() as tables:
        names = [tables.enter_context(table(dynamodb)).name for _ in range(5)]
        pages = client.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
        listed = [name for page in pages for name in page["TableNames"]]
        assert set(names) <= set(listed) and listed == sorted(listed), listed
        refused(errors.ResourceInUseException, client.create_table, **definition(names[0]))
        client.update_table(TableName=names[0], DeletionProtectionEnabled=True)
        refused(errors.ClientError, client.delete_table, TableName=names[0])
        client.update_table(TableName=names[0], DeletionProtectionEnabled=False)
        equal(client.describe_endpoints()["Endpoints"][0]["CachePeriodInMinutes"], 1440)
        assert client.describe_limits()["TableMaxWriteCapacityUnits"] > 0


def unexpected(call, refusals):
    """What was said otherwise than expected, as sentences."""
    for refusal in refusals:
        refusal = Refusal(*refusal)
        try:
            call(refusal)
            yield f"{refusal.operation} {refusal.input}: was taken, not refused with {refusal.message!r}"
        except botocore.exceptions.ClientError as error:
            told = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if told != (refusal.code, refusal.message):
                yield f"{refusal.operation} {refusal.input}:\n    {told[0]}: {told[1]!r}, not\n    {refusal.code}: {refusal.message!r}"


@scenario
def refusals_of_items(dynamodb):
    globals_ = [index("by_n", "n"), index("keys", "n", projection="KEYS_ONLY")]
    with table(dynamodb, types={"n": "N"}, GlobalSecondaryIndexes=globals_) as items:
        dynamodb.client.put_item(TableName=items.name, Item={"pk": {"S": "a"}, "sk": {"N": "1"}, "s": {"S": "x"}, "l": {"L": [{"N": "1"}]}})

        def call(refusal):
            getattr(dynamodb.client, refusal.operation)(**refusal.with_table(items.name))

        faults = list(unexpected(call, ITEM_REFUSALS))
        assert not faults, f"{len(faults)} of {len(ITEM_REFUSALS)}:\n" + "\n".join(faults)


@scenario
def refusals_of_tables(dynamodb):
    def call(refusal):
        base = definition(fresh("refused")) if refusal.operation == "create_table" else {}
        merged = base | refusal.input
        getattr(dynamodb.client, refusal.operation)(**{name: value for name, value in merged.items() if value is not ...})

    faults = list(unexpected(call, TABLE_REFUSALS))
    assert not faults, f"{len(faults)} of {len(TABLE_REFUSALS)}:\n" + "\n".join(faults)


if __name__ == "__main__":
    main(connect)
