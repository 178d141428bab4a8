#!/usr/bin/env python3
"""kill -9 under mixed load on the machine's own disk: Kinesis, DynamoDB and Firehose on one server, killed and started
again, also while it starts. Nothing acknowledged is lost, stands twice or out of order.

`kill.py BINARY DISK [--rounds N] [--short] [--seed N]`. suites/durability does the same to one service at a time, and
damages the rows as well.
"""
import random

import load
import proof

ROUNDS_A_FOLDER = (20, 60)


def main():
    options = proof.arguments(__doc__, rounds=(1000, 8))
    verdict = proof.Verdict("kill")
    lives = load.Lives(options, random.Random(options.seed), verdict, ROUNDS_A_FOLDER, lambda: None)
    verdict.say(f"{lives}; seed {options.seed}")


if __name__ == "__main__":
    main()
