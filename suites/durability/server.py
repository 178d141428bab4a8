"""The binary on a folder of its own, to be killed and started again, and a client that hides nothing: raw HTTP and the
standard library alone, so that no client's retry covers a fault."""
import http.client
import json
import signal
import socket
import subprocess
import sys
import time

KINESIS = "Kinesis_20131202."
DYNAMODB = "DynamoDB_20120810."
STREAMS = "DynamoDBStreams_20120810."
FIREHOSE = "Firehose_20150804."
# What CreateTable is told of a table with a string `k` as its key.
KEYED_BY_K = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
}
# What a call ends with when the server was killed under it.
BROKEN = (OSError, http.client.HTTPException)
START_SECONDS = 30


def headers(service, content_type):
    scope = f"AKID/20260101/us-east-1/{service}/aws4_request"
    return {
        "Content-Type": content_type,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64,
        "X-Amz-Date": "20260101T000000Z",
    }


HEADERS = {
    KINESIS: headers("kinesis", "application/x-amz-json-1.1"),
    DYNAMODB: headers("dynamodb", "application/x-amz-json-1.0"),
    STREAMS: headers("dynamodb", "application/x-amz-json-1.0"),
    FIREHOSE: headers("firehose", "application/x-amz-json-1.1"),
}


class Refusal(RuntimeError):
    """An answer that is an error; `code` is its name."""

    def __init__(self, operation, status, body):
        super().__init__(f"{operation}: {status} {body[:300]!r}")
        self.code = ""
        if body.startswith(b"{"):
            self.code = json.loads(body).get("__type", "").rpartition("#")[2]


class Client:
    """One connection that speaks a service's JSON."""

    def __init__(self, port, service=KINESIS, patience=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
        self.service = service

    def call(self, operation, **request):
        named = HEADERS[self.service] | {"X-Amz-Target": self.service + operation}
        self.connection.request("POST", "/", json.dumps(request), named)
        reply = self.connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise Refusal(operation, reply.status, body)
        return json.loads(body) if body else {}


class Server:
    """The binary on a fixed port and folder; can be killed and started again."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.data = binary, folder, folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log_path = folder / "server.log"
        self.log = open(self.log_path, "ab")

    def start(self):
        """Starts it; exits if it does not start."""
        if not self.starts():
            print(self.last_words(), file=sys.stderr)
            sys.exit("the server does not start")

    def starts(self):
        """Starts it. Says whether it answers; if it does not, it has ended."""
        self.said = self.log_path.stat().st_size
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                Client(self.port).call("ListStreams")
                return True
            except BROKEN:
                time.sleep(0.005)
        self.kill()
        return False

    def command(self):
        """What starts it."""
        return [self.binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]

    def last_words(self):
        """What it has said since it was last started."""
        return self.log_path.read_bytes()[self.said:].decode(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
