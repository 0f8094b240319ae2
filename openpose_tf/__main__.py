"""Lists the commands of this package: `python -m openpose_tf`."""

from openpose_tf.common import command_list

if __name__ == "__main__":
    command_list.run("openpose_tf")
