"""Registers: items of a table that are written on condition of their version and read strongly, and what clients saw of them,
step by step, for a search whether it can be put in one order (`suites/go/linear`)."""
import contextlib
import json
import subprocess
import time

from server import BROKEN, Refusal

# What a write says whose condition does not hold.
UNMET = ("ConditionalCheckFailedException", "TransactionCanceledException")


def item(key, version, by):
    return {"k": {"S": key}, "n": {"N": str(version)}, "by": {"S": by}}


def put(table, key, version, by):
    """What writes the next version as a whole item, if this is the one that is there; 0 is none."""
    return {"TableName": table, "Item": item(key, version + 1, by),
            "ConditionExpression": "attribute_not_exists(k) OR n = :n", "ExpressionAttributeValues": {":n": {"N": str(version)}}}


class Register:
    """One item."""

    def __init__(self, table, key):
        self.table, self.key = table, key

    def read(self, call):
        """Version and writer, read strongly."""
        found = call("GetItem", TableName=self.table, Key={"k": {"S": self.key}}, ConsistentRead=True).get("Item", {})
        return shown(found)

    def write(self, call, version, by):
        call("PutItem", **put(self.table, self.key, version, by))


def shown(found):
    return int(found.get("n", {"N": "0"})["N"]), found.get("by", {"S": ""})["S"]


class History:
    """What clients saw."""

    def __init__(self):
        self.steps = []

    @contextlib.contextmanager
    def told(self, step, outcome=None):
        """Notes a step and when it was begun and ended; one that fails keeps its outcome, and without any is not noted."""
        step |= {"Call": time.monotonic_ns(), "Outcome": outcome or "done"}
        try:
            yield
        except (Refusal, *BROKEN):
            outcome or step.clear()
            raise
        finally:
            if step:
                self.steps.append(step | {"Return": time.monotonic_ns()})

    def seen(self, call, register, by):
        """The version of a register, read by this call; 0 if it is not there."""
        step = {"Key": register.key, "Client": by}
        with self.told(step):
            step["Version"], step["By"] = register.read(call)
        return step["Version"]

    def swapped(self, call, register, by, name):
        """Reads a register and writes it, if nobody else has; the step if it was done."""
        version = self.seen(call, register, by)
        step = {"Key": register.key, "Client": by, "Write": True, "Version": version + 1, "By": name}
        with self.told(step, "unknown"):
            try:
                register.write(call, version, name)
            except Refusal as refusal:
                if refusal.code not in UNMET:
                    raise
                step["Outcome"] = "refused"
                return None
            step["Outcome"] = "done"
        return step

    def writes(self):
        return sum(step.get("Write", False) for step in self.steps)

    def check(self, program, folder):
        """What a search for an order finds wrong, as sentences, and its verdict."""
        clients = {name: number for number, name in enumerate(sorted({step["Client"] for step in self.steps}))}
        written = folder / "history"
        written.write_text("".join(json.dumps(step | {"Client": clients[step["Client"]]}) + "\n" for step in self.steps))
        said = subprocess.run([program, written], stdout=subprocess.PIPE, text=True)
        *wrong, verdict = said.stdout.splitlines() or [""]
        if said.returncode and not wrong:
            wrong.append(f"{program} ends with {said.returncode}")
        return wrong, verdict
