"""`worker_beside_kcl.py BINARY CONSUME FOLLOW WORKER CLASS_PATH`: the workers' suite, and then the Kinesis Client Library on
the streams the workers were given."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "worker"))
import worker  # noqa: E402

worker.main(kcl_class_path=sys.argv.pop())
