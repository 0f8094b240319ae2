"""Runs a command several times in one process: `python -m ...many_runs MODULE`, command lines as JSON on stdin.

Starting Python and TensorFlow takes seconds; a flag that is wrong takes none.
"""

import contextlib
import importlib
import io
import json
import sys

from absl import flags
from absl.testing import flagsaver

from openpose_tf.common import cli


def main(module):
    command = importlib.import_module(module)
    command.define_flags()
    results = []
    for line in json.load(sys.stdin):
        output = io.StringIO()
        code = 0
        with flagsaver.flagsaver(), contextlib.redirect_stderr(output):
            try:
                sys.argv = [module, *line]
                cli.run(command.main)
            except SystemExit as stop:
                code = stop.code
            flags.FLAGS.unparse_flags()
        results.append({"code": code, "error": output.getvalue()})
    print("RESULTS" + json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
