"""Scores predictions with the MPII multi-person metric, equal to the official toolkit.

Example:
    python -m eval.mpii --groundtruth=annolist.mat --predictions=pred_keypoints_mpii_multi.mat --output_file=mpii.json
"""

from absl import flags

from eval.formats.mpii_inputs import read_groups
from eval.formats.regions import RULES, parse_margins, rule_named
from eval.metrics.mpii_summary import EMPTY_GROUP_RULES, format_table, match_groups, summarize
from openpose_tf.common import cli, files


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "groundtruth",
        None,
        "Toolkit .mat (struct annolist_...), the same as .json, or an image dataset folder (one group per image).",
        required=True,
    )
    flags.DEFINE_string(
        "predictions",
        None,
        "Toolkit .mat (struct pred), the same as .json, or a folder of prediction JSON files, one per image. "
        "Default: the ground-truth file, which may hold both.",
    )
    flags.DEFINE_string("output_file", None, "JSON file for the scores.", required=True)
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_enum(
        "empty_groups",
        "toolkit",
        list(EMPTY_GROUP_RULES),
        "Groups without any predicted person: toolkit leaves their people out of the positives (as the official code "
        "does), counted counts them as missed. Both are written; this one is printed by joint and stands on top.",
    )
    flags.DEFINE_enum(
        "region",
        "openpose",
        list(RULES),
        "Which people of a prediction folder belong to a group of its image (docs/reference/evaluation.md section 8).",
    )
    flags.DEFINE_list("region_margins", None, "Other margins x,y of --region in pixels at group scale 1.")
    flags.DEFINE_bool("details", False, "Also write scores, labels, precision and recall of every detection.")


def main() -> None:
    """Scores, prints the table, writes the JSON."""
    f = flags.FLAGS
    rule = rule_named(f.region, parse_margins(f.region_margins))
    truth, predictions = read_groups(f.groundtruth, f.predictions or f.groundtruth, rule)
    result = summarize(match_groups(truth, predictions), f.empty_groups, f.details)
    files.write_json(f.output_file, result)
    print(format_table(result))


if __name__ == "__main__":
    cli.run(main, define_flags)
