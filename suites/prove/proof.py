"""What all proofs share: their arguments, servers on folders of ours, the forgetting disk, and the verdict."""
import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "durability"))
from server import Server  # noqa: E402

READY_SECONDS = 30


def arguments(description, programs=(), **defaults):
    """`BINARY DISK`, further programs, `[--short] [--seed N]` and an option for each of the defaults: what a full run takes and
    a short one."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("disk", type=os.path.abspath, help="the forgetting file system")
    for name in programs:
        parser.add_argument(name, type=os.path.abspath)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    for name in defaults:
        parser.add_argument("--" + name.replace("_", "-"), type=int)
    chosen = parser.parse_args()
    for name, (full, short) in defaults.items():
        if getattr(chosen, name) is None:
            setattr(chosen, name, short if chosen.short else full)
    print(f"seed {chosen.seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that servers and folders go
    return chosen


class Verdict:
    """What was found, told in one line."""

    def __init__(self, name):
        self.name, self.faults = name, []

    def expect(self, holds, sentence):
        if not holds:
            self.faults.append(sentence)
            print("FAULT", sentence, flush=True)
        return holds

    def say(self, figures):
        for sentence in self.faults[:20]:
            print("FAILED", sentence)
        print(f"{'FAIL' if self.faults else 'PASS'} {self.name}: {figures}", flush=True)
        sys.exit(1 if self.faults else 0)


class Disk:
    """A mounted file system that forgets what was not synced; `tell` gives it an order."""

    def __init__(self, binary):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="headwater-disk-"))
        self.process = subprocess.Popen([binary, self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "mounted":
            sys.exit("the forgetting file system cannot be mounted: it wants /dev/fuse, and root or fusermount3")

    def tell(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer and "not understood" not in answer, answer
        return answer

    def cut(self, rng):
        """The power goes. Pages and changes of names that are lost."""
        pages, _, changes, _ = self.tell(f"cut {rng.randrange(2**32)}").split()
        return int(pages), int(changes)

    def counts(self):
        """Syncs and writes so far."""
        syncs, _, writes, _ = self.tell("counts").split()
        return int(syncs), int(writes)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if os.path.ismount(self.folder):
            subprocess.run(["umount", "--lazy", self.folder], check=False)
        self.folder.rmdir()


class Place(Server):
    """A server whose data stand on a disk of ours, or else in a folder; its log stands elsewhere."""

    def __init__(self, binary, disk=None, arguments=()):
        self.aside = pathlib.Path(tempfile.mkdtemp(prefix="headwater-prove-"))
        super().__init__(binary, self.aside)
        self.arguments = list(arguments)
        self.process = None
        if disk is not None:
            self.data = disk.folder / "data"

    def command(self):
        return super().command() + self.arguments

    def begins(self):
        """Starts it and does not wait."""
        self.said = self.log_path.stat().st_size
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def ends(self, seconds=READY_SECONDS):
        """Whether it ends by itself within that time."""
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def memory_bytes(self):
        """What of it is in memory."""
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.log.close()
        shutil.rmtree(self.aside, ignore_errors=True)


def percentile(values, share):
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(call):
    """What it returns, and how many seconds it took."""
    begin = time.monotonic()
    outcome = call()
    return outcome, time.monotonic() - begin
