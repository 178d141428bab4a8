"""The functions of the suite, as anybody would write them for AWS."""
import base64
import json
import os
import time


def lambda_handler(event, context):
    """The contract's own example: every record on its way, unchanged but for capitals; what is no text fails."""
    output = []
    for record in event["records"]:
        try:
            payload = base64.b64decode(record["data"]).decode("utf-8")
            output.append({"recordId": record["recordId"], "result": "Ok",
                           "data": base64.b64encode(payload.upper().encode("utf-8")).decode()})
        except UnicodeDecodeError:
            output.append({"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]})
    return {"records": output}


def partition(event, context):
    """Gives each record the keys of its partition; drops what asks for it."""
    output = []
    for record in event["records"]:
        order = json.loads(base64.b64decode(record["data"]))
        if order.get("drop"):
            output.append({"recordId": record["recordId"], "result": "Dropped"})
            continue
        output.append({"recordId": record["recordId"], "result": "Ok", "data": record["data"],
                       "metadata": {"partitionKeys": {"store": order["store"]}}})
    return {"records": output}


def misbehave(event, context):
    """Does what the first record of the batch says."""
    ids = [record["recordId"] for record in event["records"]]
    said = base64.b64decode(event["records"][0]["data"]).decode().split()[0]
    good = [{"recordId": id, "result": "Ok", "data": base64.b64encode(b"fine\n").decode()} for id in ids]
    if said == "crash":
        raise ValueError("told to")
    if said == "die":
        os._exit(3)
    if said == "slow":
        time.sleep(30)
    if said == "garbage":
        return "not what was asked for"
    if said == "missing":
        return {"records": good[1:]}
    if said == "twice":
        return {"records": good[:1] + good}
    if said == "unknown":
        return {"records": [good[0] | {"result": "Perhaps"}] + good[1:]}
    if said == "large":
        return {"records": [good[0] | {"data": "A" * (7 << 20)}] + good[1:]}
    return {"records": good}
