"""TF_CONFIG as TFJob, Vertex AI, older platforms and hand-written scripts set it: one chief, one writer."""

import json

import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.training import strategies, tf_config

TFJOB = {"chief": ["c:1"], "worker": ["w0:1", "w1:1"], "ps": ["p:1"], "evaluator": ["e:1"]}


def place(monkeypatch, cluster, job, index=0):
    value = {
        "cluster": cluster,
        "task": {"type": job, "index": index, "trial": "1"},
        "environment": "cloud",
        "job": "{}",
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(value))
    return tf_config.read()


@pytest.mark.parametrize(
    ("cluster", "tasks"),
    [
        (TFJOB, ["chief 0", "worker 0", "worker 1"]),
        ({"worker": ["w1:1", "w0:1"], "chief": ["c:1"]}, ["chief 0", "worker 0", "worker 1"]),
        ({"master": ["m:1"], "worker": ["w:1"], "ps": ["p:1"]}, ["master 0", "worker 0"]),
        ({"worker": ["w0:1", "w1:1"], "chief": []}, ["worker 0", "worker 1"]),
        ({"chief": ["c:1"]}, ["chief 0"]),
    ],
)
def test_all_agree_who_trains_and_that_one_of_them_is_the_chief(monkeypatch, cluster, tasks):
    found = [place(monkeypatch, cluster, *task.split()) for task in tasks]
    assert [one.index for one in found] == list(range(len(tasks)))
    assert len({one.addresses for one in found}) == 1 and len(found[0].addresses) == len(tasks)
    for one, task in zip(found, tasks):
        job, index = task.split()
        assert one.addresses[one.index] == cluster[job][int(index)]
    assert tf_config.has_work()


@pytest.mark.parametrize("job", ["ps", "evaluator"])
def test_others_have_no_work(monkeypatch, job, caplog):
    caplog.set_level("INFO", logger="absl")
    assert place(monkeypatch, TFJOB, job).index is None
    assert not tf_config.has_work() and job in caplog.text
    place(monkeypatch, {name: hosts for name, hosts in TFJOB.items() if name != job}, job)
    assert not tf_config.has_work()  # an evaluator is not always in its own list


@pytest.mark.parametrize("value", [None, "", "{}", "null", "[]", '{"environment": "cloud"}', '{"cluster": {}}'])
def test_no_cluster(monkeypatch, value):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if value is not None:
        monkeypatch.setenv("TF_CONFIG", value)
    assert tf_config.read() is None and tf_config.has_work()
    with pytest.raises(UserError, match="needs the environment variable TF_CONFIG"):
        strategies.make_replicas("multi_worker")


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[1]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "x"}}',
        '{"cluster": {"worker": 3}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_what_is_not_understood_is_refused_with_an_example(monkeypatch, value):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(UserError, match=r"TF_CONFIG is not understood.*expected \{\"cluster\""):
        tf_config.read()


@pytest.mark.parametrize("strategy", ["one_device", "mirrored"])
def test_several_processes_are_not_trained_as_if_each_were_alone(monkeypatch, strategy):
    place(monkeypatch, TFJOB, "chief")
    with pytest.raises(UserError, match=r"3 processes.*--strategy=multi_worker"):
        strategies.make_replicas(strategy)
    place(monkeypatch, {"chief": ["c:1"]}, "chief")  # a job of one machine
    assert strategies.make_replicas(strategy).num_workers == 1
