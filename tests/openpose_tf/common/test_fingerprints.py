"""Fingerprints: the values that files, seeds and names already hold never change."""

import hashlib

from openpose_tf.common.fingerprints import WHOLE, canonical_json, fingerprint
from openpose_tf.common.name_splits import split_of

# Published test vector: FIPS 180-2, appendix B.1, SHA-256 of "abc".
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_first_digits_of_sha256_whatever_holds_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    for parts in (("abc",), (b"abc",), (tmp_path / "file",), ("a", b"bc"), ("a", "b", "c")):
        assert fingerprint(*parts, digits=WHOLE) == ABC
        assert fingerprint(*parts) == ABC[:16]
    assert fingerprint("abc", digits=12) == ABC[:12]
    assert fingerprint("é") == hashlib.sha256("é".encode()).hexdigest()[:16]


def test_a_path_stands_for_its_content_and_its_text_for_itself(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert fingerprint(str(path)) != fingerprint(path)


def test_canonical_json_does_not_depend_on_the_order_of_keys():
    assert canonical_json({"b": 1, "a": [None, 0.5]}) == canonical_json({"a": [None, 0.5], "b": 1})
    assert canonical_json({"b": 1, "a": [None, 0.5]}) == '{"a": [null, 0.5], "b": 1}'


def test_names_stay_in_their_split():
    """Shares of 80, 10 and 10 % by the first 64 bits of the sum, as data sets in use were split."""
    for number in range(200):
        share = int.from_bytes(hashlib.sha256(f"{number:06d}".encode()).digest()[:8], "big") / 2**64
        expected = "train" if share < 0.8 else "val" if share < 0.9 else "test"
        assert split_of(f"{number:06d}") == expected
