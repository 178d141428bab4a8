"""Delivery streams by boto3 and whatever reads what they write: `suite.py SERVER_BINARY`."""
import base64
import contextlib
import gzip
import http.server
import io
import json
import os
import pathlib
import re
import subprocess
import ssl
import sys
import tempfile
import threading
import time
import zipfile

import pyarrow.parquet
import snappy

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "long"), str(HERE.parent / "python")]
from scenarios import equal, fresh, run_all, scenario, wait_until
from server import Server

BUCKET, ROLE = "a-bucket", "arn:aws:iam::000000000000:role/firehose"
FUNCTIONS = {"test-delivery2": "lambda_handler", "partition": "partition", "misbehave": "misbehave"}


CERTIFICATE = """[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = endpoint
[extensions]
subjectAltName = IP:127.0.0.1
basicConstraints = critical, CA:FALSE
"""


def certificate(folder):
    """A certificate for 127.0.0.1 that the server is to trust, and its key, in one file."""
    (folder / "request").write_text(CERTIFICATE)
    pem, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-config", folder / "request", "-keyout", key, "-out", pem], check=True, capture_output=True)
    os.environ["SSL_CERT_FILE"] = str(pem)
    whole = folder / "whole.pem"
    whole.write_bytes(key.read_bytes() + pem.read_bytes())
    return whole


class House:
    """The server, its clients, its folder of objects, and the functions' processes under the official runtime client."""

    def __init__(self, binary):
        self.certificate = certificate(pathlib.Path(tempfile.mkdtemp(prefix="headwater-suite-")))
        self.server = Server(binary, "--allow-destination", "127.0.0.1", "--function-timeout-ms", "3000")
        self.kinesis, self.firehose, self.glue, self.functions = (
            self.server.client(service) for service in ("kinesis", "firehose", "glue", "lambda"))
        self.bucket = self.server.folder / "data" / "s3" / BUCKET
        self.processes = [
            subprocess.Popen(
                [binary, "function", "run", name, "--handler", f"{HERE / 'transform.py'}:{handler}",
                 "--endpoint", self.server.endpoint],
                env=os.environ | {"PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"})
            for name, handler in FUNCTIONS.items()]

    def objects(self, prefix):
        """Keys and bytes of what stands under a prefix."""
        found = {}
        for path in sorted(self.bucket.rglob("*")):
            key = str(path.relative_to(self.bucket))
            if path.is_file() and key.startswith(prefix):
                found[key] = path.read_bytes()
        return found

    def joined(self, prefix, opened=lambda body: body):
        return b"".join(opened(body) for body in self.objects(prefix).values())

    def lines(self, prefix, opened=lambda body: body):
        return self.joined(prefix, opened).splitlines()

    def stop(self):
        for process in self.processes:
            process.terminate()
        self.server.kill()


def parameters(**values):
    return [{"ParameterName": name, "ParameterValue": str(value)} for name, value in values.items()]


def function(name, **more):
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    given = parameters(LambdaArn=arn, BufferSizeInMBs="0.2", BufferIntervalInSeconds="0", **more)
    return {"Type": "Lambda", "Parameters": given}


def settings(prefix, *processors, **more):
    """A destination with everything at hand soon."""
    it = {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{BUCKET}", "Prefix": prefix,
          "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}}
    if processors:
        it["ProcessingConfiguration"] = {"Enabled": True, "Processors": list(processors)}
    return it | more


@contextlib.contextmanager
def delivery(house, stream_arn=None, name=None, **destination):
    """A delivery stream for one scenario: active inside, deleted behind."""
    name = name or fresh("delivery")
    kind = {"DeliveryStreamType": "DirectPut"}
    if stream_arn:
        source = {"KinesisStreamARN": stream_arn, "RoleARN": ROLE}
        kind = {"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": source}
    house.firehose.create_delivery_stream(DeliveryStreamName=name, **kind, **destination)
    described = house.firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    equal(described["DeliveryStreamStatus"], "ACTIVE")
    yield name
    house.firehose.delete_delivery_stream(DeliveryStreamName=name)


def put(house, name, *datas):
    for at in range(0, len(datas), 400):
        reply = house.firehose.put_record_batch(
            DeliveryStreamName=name, Records=[{"Data": data} for data in datas[at:at + 400]])
        equal(reply["FailedPutCount"], 0)


def awaited(sought, actual, seconds=30):
    """Waits for everything sought; then nothing else may be there."""
    wait_until(lambda: len(actual()) >= len(sought), seconds)
    equal(sorted(actual()), sorted(sought))


@scenario
def two_delivery_streams_on_one_stream(house):
    stream = fresh("stream")
    house.kinesis.create_stream(StreamName=stream, ShardCount=2)
    arn = house.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    good, bad = "data/kinesis-test/{}/good/", "data/kinesis-test/{}/bad/"
    raw = settings(good.format("raw"), ErrorOutputPrefix=bad.format("raw"))
    processed = settings(good.format("processed"), function("test-delivery2"), ErrorOutputPrefix=bad.format("processed"))
    with delivery(house, arn, "test-delivery1", ExtendedS3DestinationConfiguration=raw), \
            delivery(house, arn, "test-delivery2", ExtendedS3DestinationConfiguration=processed):
        lines = [f"line {number} äöü\n".encode() for number in range(1000)] + [b"\xff\xfe no text\n"]
        for at in range(0, len(lines), 300):
            records = [{"Data": line, "PartitionKey": str(hash(line))} for line in lines[at:at + 300]]
            equal(house.kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"], 0)
        texts = [line.rstrip(b"\n") for line in lines]
        awaited(texts, lambda: house.lines(good.format("raw")))
        awaited([text.decode().upper().encode() for text in texts[:-1]], lambda: house.lines(good.format("processed")))
        errors = lambda: house.lines(bad.format("processed"))
        wait_until(errors)
        failed = [json.loads(line) for line in errors()]
        equal([base64.b64decode(it["rawData"]) for it in failed], [lines[-1]])
        equal((failed[0]["errorCode"], failed[0]["lambdaARN"].rpartition(":")[2]),
              ("Lambda.ProcessingFailedStatus", "test-delivery2"))
        equal(house.objects(bad.format("raw")), {})
        for key in house.objects(good.format("raw")):
            assert re.fullmatch(
                r"data/kinesis-test/raw/good/\d{4}/\d\d/\d\d/\d\d/test-delivery1-1-\d{4}(-\d\d){5}-[0-9a-f-]{36}", key), key


@scenario
def every_codec_is_opened_by_its_own_library(house):
    def unzipped(body):
        archive = zipfile.ZipFile(io.BytesIO(body))
        return b"".join(archive.read(name) for name in archive.namelist())

    def unframed(body):
        """snappy-java's frame: a head of 16 bytes, then blocks behind their length."""
        equal(body[:8], b"\x82SNAPPY\x00")
        at, whole = 16, b""
        while at < len(body):
            length = int.from_bytes(body[at:at + 4])
            whole += snappy.decompress(body[at + 4:at + 4 + length])
            at += 4 + length
        return whole

    def hadoop(body):
        return bytes(snappy.HadoopStreamDecompressor().decompress(body))

    for codec, extension, opened in (
            ("UNCOMPRESSED", "", bytes), ("GZIP", ".gz", gzip.decompress), ("ZIP", ".zip", unzipped),
            ("Snappy", ".snappy", unframed), ("HADOOP_SNAPPY", ".snappy", hadoop)):
        prefix, records = f"codec/{codec}/", [f"{codec} {number}\n".encode() * 50 for number in range(700)]
        destination = settings(prefix, CompressionFormat=codec)
        with delivery(house, ExtendedS3DestinationConfiguration=destination) as name:
            put(house, name, *records)
            wait_until(lambda: len(house.joined(prefix, opened)) >= sum(map(len, records)))
            equal(house.joined(prefix, opened), b"".join(records))
            for key in house.objects(prefix):
                assert re.search(r"[0-9a-f]{12}" + re.escape(extension) + "$", key), key


@scenario
def a_query_decides_on_the_partition(house):
    query = "{customer: .customer, year: .at[0:4]}"
    processors = [
        {"Type": "MetadataExtraction", "Parameters": parameters(MetadataExtractionQuery=query, JsonParsingEngine="JQ-1.6")},
        {"Type": "AppendDelimiterToRecord", "Parameters": parameters(Delimiter="\\n")}]
    destination = settings(
        "by/customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/", *processors,
        ErrorOutputPrefix="by-errors/!{firehose:error-output-type}/", DynamicPartitioningConfiguration={"Enabled": True},
        BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 5})
    with delivery(house, ExtendedS3DestinationConfiguration=destination) as name:
        orders = [{"customer": f"c{n % 5}", "at": f"{2020 + n % 3}-01-01", "n": n} for n in range(150)]
        put(house, name, *[json.dumps(order).encode() for order in orders], b"no json")
        expected = {(order["customer"], order["at"][:4], order["n"]) for order in orders}

        def found():
            return [(*re.match(r"by/customer=(\w+)/year=(\d+)/", key).groups(), json.loads(line)["n"])
                    for key, body in house.objects("by/").items() for line in body.splitlines()]
        awaited(expected, found, seconds=100)
        wait_until(lambda: house.objects("by-errors/"), 100)
        failed = [json.loads(line) for line in house.lines("by-errors/")]
        equal([base64.b64decode(it["rawData"]) for it in failed], [b"no json"])


@scenario
def a_function_decides_on_the_partition_and_at_most_500_are_open(house):
    destination = settings(
        "store/!{partitionKeyFromLambda:store}/", function("partition"),
        ErrorOutputPrefix="store-errors/!{firehose:error-output-type}/", DynamicPartitioningConfiguration={"Enabled": True},
        BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 5})
    with delivery(house, ExtendedS3DestinationConfiguration=destination) as name:
        orders = [{"store": f"s{n:03}", "n": n} for n in range(520)] + [{"drop": True, "store": "none"}]
        put(house, name, *[json.dumps(order).encode() + b"\n" for order in orders])
        wait_until(lambda: len(house.lines("store/")) >= 500 and len(house.lines("store-errors/")) >= 20, 100)
        stores = {key.split("/")[1] for key in house.objects("store/")}
        failed = [json.loads(line) for line in house.lines("store-errors/")]
        lost = {json.loads(base64.b64decode(it["rawData"]))["store"] for it in failed}
        equal((len(stores), len(lost), stores | lost), (500, 20, {order["store"] for order in orders[:-1]}))


@scenario
def parquet_is_what_was_put(house):
    columns = [("id", "bigint"), ("name", "string"), ("price", "decimal(10,2)"), ("at", "timestamp"),
               ("tags", "array<string>"), ("place", "struct<lat:double,lon:double>")]
    house.glue.create_database(DatabaseInput={"Name": "shop"})
    house.glue.create_table(DatabaseName="shop", TableInput={
        "Name": "orders", "StorageDescriptor": {"Columns": [{"Name": name, "Type": kind} for name, kind in columns]}})
    conversion = {
        "Enabled": True,
        "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "shop", "TableName": "orders", "Region": "us-east-1",
                                "VersionId": "LATEST"},
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}}}
    destination = settings(
        "parquet/", ErrorOutputPrefix="parquet-errors/", DataFormatConversionConfiguration=conversion,
        BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 0})
    with delivery(house, ExtendedS3DestinationConfiguration=destination) as name:
        orders = [{"Id": n, "name": f"n{n}", "price": f"{n}.25", "at": "2026-01-02 03:04:05", "tags": ["a", str(n)],
                   "place": {"lat": n / 2, "lon": 1}} for n in range(300)]
        put(house, name, *[json.dumps(order).encode() for order in orders], b"{broken")

        def rows():
            tables = [pyarrow.parquet.read_table(io.BytesIO(body)) for body in house.objects("parquet/").values()]
            return sorted((row for table in tables for row in table.to_pylist()), key=lambda row: row["id"])
        wait_until(lambda: len(rows()) >= 300)
        found = rows()
        equal([(row["id"], row["name"], str(row["price"]), row["tags"], row["place"]["lat"]) for row in found],
              [(it["Id"], it["name"], it["price"], it["tags"], it["place"]["lat"]) for it in orders])
        equal(found[0]["at"].isoformat()[:19], "2026-01-02T03:04:05")
        wait_until(lambda: house.lines("parquet-errors/"))
        failed = [json.loads(line) for line in house.lines("parquet-errors/")]
        equal([base64.b64decode(it["rawData"]) for it in failed], [b"{broken"])
        assert all("format-conversion-failed" in key for key in house.objects("parquet-errors/"))


@scenario
def a_bad_function_loses_nothing(house):
    for said, code in (
            ("crash", "Lambda.FunctionError"), ("die", "Lambda.FunctionError"), ("garbage", "Lambda.JsonProcessingException"),
            ("missing", "Lambda.MissingRecordId"), ("twice", "Lambda.DuplicatedRecordId"),
            ("unknown", "Lambda.FunctionError"), ("large", None), ("slow", "Lambda.FunctionTimedOut")):
        prefix = f"bad-function/{said}/"
        destination = settings(
            prefix + "good/", function("misbehave", NumberOfRetries=0), ErrorOutputPrefix=prefix + "errors/")
        with delivery(house, ExtendedS3DestinationConfiguration=destination) as name:
            put(house, name, *[f"{said} {n}\n".encode() for n in range(3)])
            wait_until(lambda: len(house.lines(prefix)) >= 3, 60)
            time.sleep(0.3)
            failed = [json.loads(line) for line in house.lines(prefix + "errors/")]
            kept = [base64.b64decode(it["rawData"]) for it in failed]
            equal(len(kept) + len(house.lines(prefix + "good/")), 3)
            assert all(data.startswith(said.encode()) for data in kept) and kept, (said, kept)
            codes = {it["errorCode"] for it in failed}
            assert code is None or code in codes, (said, codes)
            sys.stderr.write(f"   {said}: {len(kept)} of 3 in the errors, {codes}\n")


@scenario
def an_endpoint_is_sent_records_until_it_takes_them(house):
    heard, refusals = [], iter([503, 500])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
            status, request = next(refusals, 200), json.loads(body)
            if status == 200:
                heard.append((self.headers, request))
            answer = json.dumps({"requestId": request["requestId"], "timestamp": 1}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(house.certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    configuration = {
        "EndpointConfiguration": {"Url": f"https://127.0.0.1:{server.server_port}/in", "Name": "own", "AccessKey": "secret"},
        "RequestConfiguration": {"ContentEncoding": "GZIP", "CommonAttributes": [
            {"AttributeName": "environment", "AttributeValue": "test"}]},
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}, "RetryOptions": {"DurationInSeconds": 20},
        "S3BackupMode": "AllData", "S3Configuration": settings("endpoint/")}
    with delivery(house, HttpEndpointDestinationConfiguration=configuration) as name:
        put(house, name, b"one", b"two")
        wait_until(lambda: heard)
        headers, request = heard[0]
        equal([base64.b64decode(record["data"]) for record in request["records"]], [b"one", b"two"])
        equal((headers["X-Amz-Firehose-Protocol-Version"], headers["X-Amz-Firehose-Access-Key"]), ("1.0", "secret"))
        equal(headers["X-Amz-Firehose-Request-Id"], request["requestId"])
        equal(json.loads(headers["X-Amz-Firehose-Common-Attributes"]), {"commonAttributes": {"environment": "test"}})
        awaited([b"onetwo"], lambda: list(house.objects("endpoint/").values()))


@scenario
def a_function_is_called_by_lambda_clients(house):
    event = {"records": [{"recordId": "1", "data": base64.b64encode(b"abc").decode()}]}
    reply = house.functions.invoke(FunctionName="test-delivery2", Payload=json.dumps(event))
    equal(base64.b64decode(json.loads(reply["Payload"].read())["records"][0]["data"]), b"ABC")


if __name__ == "__main__":
    house = House(sys.argv[1])
    try:
        failed = run_all(lambda _: house)
    finally:
        house.stop()
    sys.exit(1 if failed else 0)
