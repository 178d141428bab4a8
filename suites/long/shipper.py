"""A log file on its way into objects, by Telegraf: `shipper.py BINARY TELEGRAF`. What it tails it puts to a Kinesis stream, a
delivery stream writes it to a folder; the server is killed in between."""
import json
import subprocess
import sys

from server import KEYS, Server, Stream, Verdict, fresh, wait_until

LINES = 20_000
ROLE = "arn:aws:iam::000000000000:role/delivery"


def settings(server, stream, log):
    """Telegraf's; a JSON text is a TOML text too."""
    kinesis = {
        "region": "us-east-1", "access_key": KEYS["aws_access_key_id"], "secret_key": KEYS["aws_secret_access_key"],
        "endpoint_url": server.endpoint, "streamname": stream.name, "data_format": "template",
        "template": '{{ .Field "value" }}\n',
    }
    tail = {"initial_read_offset": "beginning", "data_format": "value", "data_type": "string"}
    lines = lambda table: "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
    return f"""
[agent]
interval = "1s"
flush_interval = "1s"
metric_batch_size = 500
metric_buffer_limit = {LINES}
[[inputs.tail]]
files = [{json.dumps(str(log))}]
{lines(tail)}
[[outputs.kinesis]]
{lines(kinesis)}
[outputs.kinesis.partition]
method = "random"
"""


def main():
    binary, telegraf = sys.argv[1:3]
    server, verdict = Server(binary), Verdict()
    stream = Stream(server.client(), 2, prefix="logs")
    name, log = fresh("shipped"), server.folder / "application.log"
    server.client("firehose").create_delivery_stream(
        DeliveryStreamName=name, DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": stream.arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::logs", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}})
    log.touch()
    (server.folder / "telegraf.conf").write_text(settings(server, stream, log))
    with open(server.folder / "telegraf.log", "w") as output:
        words = [telegraf, "--config", str(server.folder / "telegraf.conf")]
        shipper = subprocess.Popen(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    written = [f"line {number} of {name}" for number in range(LINES)]
    delivered = lambda: [
        line for file in (server.folder / "data/s3/logs").rglob("*") if file.is_file() for line in file.read_text().splitlines()]
    try:
        with open(log, "a") as lines:
            lines.write("".join(f"{line}\n" for line in written[: LINES // 2]))
        wait_until(lambda: len(delivered()) > LINES // 10, 60)
        with open(log, "a") as lines:
            lines.write("".join(f"{line}\n" for line in written[LINES // 2 :]))
        server.kill()
        server.start()
        try:
            wait_until(lambda: set(delivered()) >= set(written), 60, 0.5)
        except AssertionError:
            pass
        found = delivered()
        verdict.say("every_line_of_the_log_is_in_the_objects", set(written) - set(found), f"{len(found)} lines")
        verdict.say("nothing_else_is", set(found) - set(written))
    finally:
        shipper.kill()
        server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
