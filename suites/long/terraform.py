"""Terraform with its AWS provider, unmodified: `terraform.py BINARY CONFIGURATION_FOLDER`.

Creates everything, changes it, imports a stream, destroys it; after each step a plan must find nothing left to do. The
provider comes from where Terraform's own settings say (TF_CLI_CONFIG_FILE), by default its registry.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from server import Server, Verdict


class Terraform:
    """One working folder."""

    def __init__(self, configuration, endpoint):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="headwater-terraform-"))
        shutil.copy(pathlib.Path(configuration) / "main.tf", self.folder)
        self.environment = os.environ | {"TF_VAR_endpoint": endpoint, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def run(self, *words):
        """The exit code and what is wrong with it."""
        done = subprocess.run(
            ["terraform", *words], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        self.said = done.stdout
        return [] if done.returncode == 0 else [done.stderr or done.stdout]

    def outputs(self):
        self.run("output", "-json")
        return {name: output["value"] for name, output in json.loads(self.said).items()}


def main():
    server, verdict = Server(sys.argv[1]), Verdict()
    kinesis, dynamodb = server.client(), server.client("dynamodb")
    terraform = Terraform(sys.argv[2], server.endpoint)
    summary = lambda name: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    verdict.say("terraform_init", terraform.run("init", "-no-color", "-input=false"))
    for changed in ("false", "true"):
        step, variable, begin = "change" if changed == "true" else "create", f"-var=changed={changed}", time.monotonic()
        wrong = terraform.run("apply", "-auto-approve", "-no-color", "-input=false", variable)
        verdict.say(f"terraform_{step}", wrong, f"{time.monotonic() - begin:.0f} s")
        wrong = terraform.run("plan", "-detailed-exitcode", "-no-color", "-input=false", variable)
        verdict.say(f"terraform_{step}_leaves_nothing_to_do", wrong)
        stands = summary("provisioned")
        found = [stands["OpenShardCount"], stands["RetentionPeriodHours"], stands["EncryptionType"], stands["ConsumerCount"],
                 summary("demand")["StreamModeDetails"]["StreamMode"], terraform.outputs()["open_shards"]]
        expected = [4, 48, "NONE", 1, "PROVISIONED", 4] if changed == "true" else [2, 24, "KMS", 1, "ON_DEMAND", 2]
        verdict.say(f"terraform_{step}_is_there", [] if found == expected else [f"{found} is not {expected}"])
        table = dynamodb.describe_table(TableName="things")["Table"]
        found = [table["BillingModeSummary"]["BillingMode"] if changed == "true" else "PROVISIONED", table["ItemCount"],
                 [index["IndexName"] for index in table["GlobalSecondaryIndexes"]], terraform.outputs()["table_stream"],
                 dynamodb.scan(TableName="things")["Items"][0]["owner"]["S"]]
        expected = ["PAY_PER_REQUEST", 1, ["by_owner_and_number"], table["LatestStreamArn"], "new"]
        expected = expected if changed == "true" else ["PROVISIONED", 1, ["by_owner"], table["LatestStreamArn"], "old"]
        verdict.say(f"terraform_{step}_of_a_table_is_there", [] if found == expected else [f"{found} is not {expected}"])
    terraform.run("state", "rm", "aws_kinesis_stream.demand")
    wrong = terraform.run("import", "-no-color", variable, "aws_kinesis_stream.demand", "demand")
    verdict.say("terraform_import", wrong)
    begin = time.monotonic()
    wrong = terraform.run("destroy", "-auto-approve", "-no-color", "-input=false", variable)
    wrong += kinesis.list_streams()["StreamNames"] + dynamodb.list_tables()["TableNames"]
    verdict.say("terraform_destroy", wrong, f"{time.monotonic() - begin:.0f} s")
    server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
