#!/usr/bin/env python3
"""Two servers on brokers that want TLS, a client's certificate or a login: records and items are put through both and read
back through each, also after both were started anew; while logins expire, nobody notices. Whatever does not fit the brokers
ends the start with a sentence that says what to set, and no password is ever said or written down.

`secured.py SERVER_BINARY --folder FOLDER`, where FOLDER is that of brokers started by `brokers.py … start N --secured`.
"""
import argparse
import base64
import itertools
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "durability"))
from brokers import IDLER, NAME, PASSWORD, SECURED, USER, Cluster  # noqa: E402
from nodes import MASTER_KEY, Node, patiently, records  # noqa: E402
from server import BROKEN, DYNAMODB, KEYED_BY_K, Client, Refusal  # noqa: E402

STREAM, TABLE, ITEMS = "secured", "secured", 20
# Longer than some logins last.
LOAD_SECONDS = 6
REFUSED_SECONDS = 20
WRONG_PASSWORD = "staple/wrong"
LEADS = "this node leads the others"


def put(port, name, number):
    data = base64.b64encode(f"{name} {number}".encode()).decode()
    Client(port).call("PutRecord", StreamName=STREAM, Data=data, PartitionKey=name)


def put_until(port, name, done, counts, wrong):
    """Puts one after the other; with nothing broken, no answer may be an error."""
    for number in itertools.count():
        if done.is_set():
            counts[name] = number
            return
        try:
            put(port, name, number)
        except (Refusal, *BROKEN) as error:
            wrong.append(f"a put while logins expire: {error}")
            return


def numbers(port):
    """The numbers put under each name, in the order of the shards."""
    found = {}
    for shard in patiently([port], "ListShards", StreamName=STREAM)["Shards"]:
        for record in records([port], StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"):
            name, number = base64.b64decode(record["Data"]).decode().split()
            found.setdefault(name, []).append(int(number))
    return found


def items(port):
    """The values of all items, read strongly: which takes the log's word."""
    return [patiently([port], "GetItem", DYNAMODB, TableName=TABLE, Key={"k": {"S": f"key-{number}"}},
                      ConsistentRead=True).get("Item", {}).get("v", {}).get("N") for number in range(ITEMS)]


def faults(nodes, seconds):
    """Everything wrong with two servers, as sentences."""
    ports = [node.port for node in nodes]
    for node in nodes:
        node.start()
    patiently(ports[:1], "CreateStream", StreamName=STREAM, ShardCount=3)
    patiently(ports[1:], "CreateTable", DYNAMODB, TableName=TABLE, **KEYED_BY_K)
    for port in ports:
        patiently([port], "DescribeStream", StreamName=STREAM)
        patiently([port], "DescribeTable", DYNAMODB, TableName=TABLE)
    # One of the two does not lead, and carries to the one that does what is put through it.
    for number in range(ITEMS):
        patiently([ports[number % 2]], "PutItem", DYNAMODB, TableName=TABLE,
                  Item={"k": {"S": f"key-{number}"}, "v": {"N": str(number)}})
    leaders = sum(LEADS in node.log_path.read_text() for node in nodes)
    if leaders != 1:
        yield f"{leaders} of two servers lead"
    done, counts, wrong = threading.Event(), {}, []
    writers = [threading.Thread(target=put_until, args=(port, f"{port}-{at}", done, counts, wrong))
               for port in ports for at in range(2)]
    for writer in writers:
        writer.start()
    time.sleep(seconds)
    done.set()
    for writer in writers:
        writer.join()
    yield from wrong
    expected = {name: list(range(count)) for name, count in counts.items()}
    for again in (False, True):
        for node in nodes:
            if again:
                node.kill()
                node.start()
            where = f"{node.port}, started again" if again else str(node.port)
            if numbers(node.port) != expected:
                yield f"at {where}: not the records that were put"
            if items(node.port) != [str(number) for number in range(ITEMS)]:
                yield f"at {where}: not the items that were put"
    # What takes further rights.
    patiently(ports, "UpdateShardCount", StreamName=STREAM, TargetShardCount=6, ScalingType="UNIFORM_SCALING")
    deadline = time.monotonic() + REFUSED_SECONDS
    while len(patiently(ports, "ListShards", StreamName=STREAM, ShardFilter={"Type": "AT_LATEST"})["Shards"]) != 6:
        if time.monotonic() > deadline:
            yield "a stream of three shards does not come to have six"
            break
        time.sleep(0.1)
    if numbers(ports[0]) != expected:
        yield "not the records that were put, after splits"
    patiently(ports, "DeleteStream", StreamName=STREAM, EnforceConsumerDeletion=True)
    patiently(ports, "DeleteTable", DYNAMODB, TableName=TABLE)
    print(f"  {sum(counts.values())} records, {ITEMS} items", flush=True)


def refused(binary, folder, words):
    """What is said by a server that does not start; with what it ends, or None if it goes on."""
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "refused"), "--engine", "kafka",
               "--allow-single-replica", "--log", "trace", *words]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=REFUSED_SECONDS)
        return ended.stdout.decode(), ended.returncode
    except subprocess.TimeoutExpired as expired:
        return (expired.stdout or b"").decode(), None


def written_down(folder):
    """Files below a folder in which a password stands."""
    secrets = [PASSWORD.encode(), WRONG_PASSWORD.encode()]
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "secrets")
    return [str(path) for path in files if any(secret in path.read_bytes() for secret in secrets)]


class Words:
    """What a server is told of brokers: their addresses, and the settings that go with them."""

    def __init__(self, cluster, folder):
        self.certificates, self.secrets = cluster.folder, folder / "secrets"
        self.at = {name: ",".join(cluster.addresses(name)) for name in ("PLAINTEXT", *SECURED)}
        self.secrets.mkdir()
        # The only place where they may stand.
        for name, password in (("right", PASSWORD), ("wrong", WRONG_PASSWORD)):
            (self.secrets / name).write_text(password + "\n")
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", self.certificates / "client.key", "-out",
                        self.secrets / "locked.key", "-passout", f"pass:{WRONG_PASSWORD}"], check=True)
        self.ca = self.trusting("ca.pem")

    def trusting(self, file):
        return ["--kafka-ca", str(self.certificates / file)]

    def showing(self, certificate, key):
        return [*self.ca, "--kafka-cert", str(self.certificates / certificate), "--kafka-key", str(self.certificates / key)]

    def login(self, mechanism="scram-sha-512", user=USER, password="right"):
        return [*self.ca, "--kafka-user", user, "--kafka-password-file", str(self.secrets / password), "--kafka-mechanism",
                mechanism]

    def served(self, short):
        """Kinds of brokers: addresses, settings, and for how long there is load."""
        yield "SCRAM-SHA-512", self.at["LOGIN"], self.login(), 1 if short else LOAD_SECONDS
        if not short:
            yield "SCRAM-SHA-256", self.at["LOGIN"], self.login("scram-sha-256"), LOAD_SECONDS
            yield "PLAIN", self.at["LOGIN"], self.login("plain"), LOAD_SECONDS
            yield "TLS", self.at["TLS"], self.ca, 1
            yield "mutual TLS", self.at["MUTUAL"], self.showing("client.pem", "client.key"), 1

    def unfit(self):
        """What does not fit: addresses, settings, and what must be said."""
        tls, mutual, login = self.at["TLS"], self.at["MUTUAL"], self.at["LOGIN"]
        yield "an authority that signed nothing", tls, self.trusting("stranger.pem"), "give, in --kafka-ca"
        yield "the authorities of the web", tls, ["--kafka-tls"], "give, in --kafka-ca"
        yield "a file without certificates", tls, self.trusting("ca.key"), "--kafka-ca must be a file"
        yield "a name in no certificate", tls.replace(NAME, "127.0.0.1"), self.ca, "advertised.listeners"
        yield "brokers that lead on to one", self.at["ASTRAY"].replace("127.0.0.1", NAME), self.ca, "advertised.listeners"
        yield "plain text to TLS", tls, [], "give --kafka-tls or --kafka-ca"
        yield "TLS to plain text", self.at["PLAINTEXT"], self.ca, "leave out --kafka-tls"
        yield "no certificate", mutual, self.ca, "in --kafka-cert and --kafka-key"
        yield "a stranger's certificate", mutual, self.showing("stranger.pem", "stranger.key"), "the brokers trust"
        yield "another's key", mutual, self.showing("client.pem", "stranger.key"), "--kafka-key must be the key"
        yield "a key with a password", mutual, self.showing("client.pem", self.secrets / "locked.key"), "without its password"
        yield "no login", login, self.ca, "give --kafka-user"
        yield "a login where there is none", tls, self.login(), "leave out --kafka-user"
        yield "a user nobody knows", login, self.login(user="nobody"), "see to --kafka-user"
        yield "a user without rights", login, self.login(user=IDLER), "give the user the rights"
        for mechanism in ("plain", "scram-sha-256", "scram-sha-512"):
            wrong = self.login(mechanism, password="wrong")
            yield f"a wrong password by {mechanism}", login, wrong, "see to --kafka-user, --kafka-password-file"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--short", action="store_true", help="one login alone, no longer than it lasts")
    options = parser.parse_args()
    os.environ["HEADWATER_MASTER_KEY"] = MASTER_KEY
    run, wrong = random.randrange(10**9), []
    with tempfile.TemporaryDirectory(prefix="headwater-secured-") as folder:
        folder = pathlib.Path(folder)
        words = Words(Cluster(None, options.folder), folder)
        for kind, brokers, settings, seconds in words.served(options.short):
            prefix = f"{kind.lower().replace(' ', '-')}-{run}"
            nodes = [Node(options.binary, folder / f"{prefix}-{number}", brokers, prefix, *settings) for number in range(2)]
            print(f"{kind}:", flush=True)
            wrong += [f"{kind}: {fault}" for fault in faults(nodes, seconds)]
            for node in nodes:
                node.kill()
                wrong += [f"{kind}: {line}" for line in node.log_path.read_text().splitlines() if "panicked" in line]
        unfit = list(words.unfit())
        for number, (what, brokers, settings, advice) in enumerate(unfit):
            said, ending = refused(options.binary, folder, ["--brokers", brokers, "--kafka-prefix", f"no-{run}", *settings])
            if ending != 1 or advice not in said:
                wrong.append(f"{what}: ends with {ending}, and does not say '{advice}': {said.strip()}")
            (folder / f"said-{number}").write_text(said)
        wrong += [f"a password stands in {path}" for path in written_down(folder)]
    for sentence in wrong:
        print("FAILED", sentence)
    print(f"{len(unfit)} settings that do not fit, {len(wrong)} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
