"""Lists the commands of this package: `python -m synth`."""

from openpose_tf.common import command_list

if __name__ == "__main__":
    command_list.run("synth")
