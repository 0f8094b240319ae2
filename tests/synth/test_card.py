import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema
from synth import card
from synth.dataset import writer

FLAGS = {
    "image_size": 96,
    "camera": "paper",
    "denoise": True,
    "write_depth": False,
    "max_tries": 12,
    "backgrounds": "ab12",
}
LICENCES = [
    {"part": "bodies", "source": "MakeHuman", "licence": "CC0-1.0"},
    {"part": "background life.jpg", "source": "A. Berasategi", "licence": "CC-BY-4.0"},
]


def person(state, distance):
    return {
        "keypoints": [[10.0, 10.0, state]] * 16, "objpos": [10, 10], "scale": 1.5, "visible_ratio": float(state == 1),
        "cropped_ratio": 0.25, "min_distance": distance, "pose_tag": "walk",
    }  # fmt: skip


def make(folder, kind="synthetic"):
    writer.open_dataset(folder, kind, 3, 2, FLAGS, LICENCES)
    image, ids = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), np.int32)
    for index, people in enumerate(([person(1, 40.0), person(3, 40.0)], [person(1, None)])):
        annotation = {"camera": {"pitch_deg": 10.0 * index}, "people": people, "placement": {"collisions": 1}}
        writer.write_sample(folder, image_dataset_schema.image_name(index), image, ids, None, annotation, 90)
    writer.close_dataset(folder, {"not a picture": 4})


def test_the_card_tells_counts_licences_and_the_command(tmp_path):
    make(tmp_path)
    path = card.write_card(tmp_path)
    text = path.read_text()
    assert "2 rendered images with 3 people" in text
    assert "| collisions | 2 |" in text and "| backgrounds dropped: not a picture | 4 |" in text
    assert "| bodies | MakeHuman | CC0-1.0 |" in text
    assert "| r_wrist | 67% | 0% | 33% | 0% |" in text
    assert "walk 3" in text and "stand in" not in text
    for column in card.COLUMNS:
        assert (tmp_path / "card" / f"{column.name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_makes_it_again():
    header = {"num_images": 2, "kind": "synthetic", "seed": 3, "flags": FLAGS, "licences": LICENCES}
    assert card.command(header) == (
        "python -m synth.render --output_dir=DIR --num_images=2 --dataset=synthetic --seed=3 --image_size=96 "
        "--camera=paper --denoise --nowrite_depth --backgrounds=builtin --look=painted "
        "--places=first --ground=anywhere"  # older than these flags
    )
    assert "--look=wardrobe" in card.command({**header, "flags": {**FLAGS, "look": "wardrobe"}})
    own = {**header, "licences": [{"part": "backgrounds", "source": "", "licence": ""}]}
    assert "--backgrounds=YOUR_PHOTOGRAPHS" in card.command(own)


def test_the_standin_says_what_it_is(tmp_path):
    make(tmp_path, "real_standin")
    assert "stand in for real photographs" in card.write_card(tmp_path).read_text()


def test_two_cards_of_one_dataset_are_equal(tmp_path):
    make(tmp_path)
    pictures = [card.write_card(tmp_path) and (tmp_path / "card" / "scale.png").read_bytes() for _ in range(2)]
    assert pictures[0] == pictures[1]


def test_an_empty_dataset_is_a_clear_error(tmp_path):
    writer.open_dataset(tmp_path, "synthetic", 0, 2, {}, [])
    with pytest.raises(UserError, match="no complete image"):
        card.write_card(tmp_path)
