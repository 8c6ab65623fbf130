"""The demo: its figures, its picture, its exit status; and the parts that its claims rest on."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("PIL")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")

import numapool
from numapool.__main__ import main
from numapool.demo import command, measure, photographs, pipeline, summary
from numapool.demo.buffers import PlainBuffers, PooledBuffers, WatchedBuffers


def run_numapool(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "numapool", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, run_numapool("demo", "--steps", "6", "--json", "--output", "picture.png", cwd=folder)


@pytest.fixture(scope="module")
def job():
    return pipeline.train(photographs.load(), np.random.default_rng(3))


def test_demo_succeeds_and_tells_equal_results(demo_run):
    _, done = demo_run
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["equal"] is True


def test_demo_writes_a_png_and_nothing_else(demo_run):
    folder, _ = demo_run
    assert [path.name for path in folder.iterdir()] == ["picture.png"]
    picture = (folder / "picture.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) > 20_000


def test_json_has_every_figure(demo_run):
    figures = json.loads(demo_run[1].stdout)
    assert figures["steps"] == 6
    assert figures["warm_up"] >= 1
    assert figures["picture"] == "picture.png"
    assert 6 * photographs.SMALLEST_BATCH <= figures["images"] <= 6 * photographs.LARGEST_BATCH
    assert 0.5 < figures["accuracy"] <= 1
    assert 0 <= figures["hit_ratio"] <= 1
    assert figures["speedup_quartiles"][0] <= figures["speedup"] <= figures["speedup_quartiles"][1]
    assert figures["speedup_interval"][0] <= figures["speedup"] <= figures["speedup_interval"][1]
    for side in measure.SIDES:
        one = figures["sides"][side]
        assert one["images_per_second"] > 0
        assert one["faults"] >= 0
        # One array of 64 crops is in use at once with others, and has been written in full.
        assert one["peak_live_bytes"] > 64 * 224 * 224 * 3 * 4
        assert one["held_over_live"] == pytest.approx(one["peak_held_bytes"] / one["peak_live_bytes"])
        assert one["pages_evidence"] in ("verified", "by mapping", "unverified")
        assert sum(one["pages_on"].values()) + one["pages_absent"] + one["pages_unknown"] > 0


def test_both_sides_see_the_same_work_in_use(demo_run):
    sides = json.loads(demo_run[1].stdout)["sides"]
    assert sides["numpy"]["peak_live_bytes"] == sides["pool"]["peak_live_bytes"]


@pytest.mark.parametrize("size", [1, 8, 37, 64])
def test_a_step_gives_the_same_bits_from_dirty_buffers(job, size):
    batch = photographs.draw_batch(np.random.default_rng(size), size, 427, (320, 640))
    plain = pipeline.run_step(job, batch, PlainBuffers())
    with numapool.MemoryPool() as pool:
        for filling in (np.nan, 1e30):
            with pool.buffer(20_000_000, np.float32) as dirt:
                dirt.fill(filling)
            assert pipeline.run_step(job, batch, PooledBuffers(pool)).same_bits(plain)


def test_a_step_leaves_nothing_in_use(job):
    batch = photographs.draw_batch(np.random.default_rng(0), 8, 427, (320, 640))
    buffers = WatchedBuffers(PlainBuffers())
    pipeline.run_step(job, batch, buffers)
    buffers.sample()
    assert buffers.live[-1] == 0
    with numapool.MemoryPool() as pool:
        pipeline.run_step(job, batch, PooledBuffers(pool))
        assert pool.get_statistics()["live_bytes"] == 0


def test_different_bits_are_noticed():
    one = pipeline.Outcome(np.zeros(3, np.float32), np.zeros(2), np.zeros(1, np.int64))
    other = pipeline.Outcome(np.array([0, 0, -0.0], np.float32), np.zeros(2), np.zeros(1, np.int64))
    assert one.same_bits(one)
    assert not one.same_bits(other)


def test_a_difference_is_an_error_exit(monkeypatch, tmp_path, capsys):
    step = pipeline.run_step

    def spoilt(job, batch, buffers):
        outcome = step(job, batch, buffers)
        if isinstance(buffers, PooledBuffers):
            outcome.features[0, 0] += 1
        return outcome

    monkeypatch.setattr(measure, "run_step", spoilt)
    assert command.main(["--steps", "1", "--output", str(tmp_path / "picture.png")]) == 1
    told = capsys.readouterr()
    assert "DIFFERENT" in told.out
    assert "the results differ" in told.err


def test_training_and_prediction_share_no_pixel():
    columns = photographs.halves(640)
    random = np.random.default_rng(0)
    for (first, end), use in ((columns["train"], "train"), (columns["predict"], "predict")):
        batch = photographs.draw_batch(random, 2000, 427, columns[use])
        assert batch.lefts.min() == first
        assert batch.lefts.max() + photographs.CROP == end
    assert columns["train"][1] <= columns["predict"][0]


@pytest.mark.parametrize("steps", [1, 2, 200])
def test_every_run_has_a_full_batch_that_counts(steps):
    warm_up = 4
    sizes = [batch.size for batch in measure.draw_batches(5, warm_up, steps, (2, 427, 640, 3))]
    assert len(sizes) == warm_up + steps
    assert sizes[0] == photographs.LARGEST_BATCH
    assert max(sizes[warm_up:]) == photographs.LARGEST_BATCH
    assert min(sizes) >= photographs.SMALLEST_BATCH


def test_credits_are_those_of_scikit_learn():
    from sklearn.datasets import load_sample_images

    told = load_sample_images().DESCR
    for page in ("photos/danielbuechele/6061409035", "photos/vultilion/6056698931", "licenses/by/2.0"):
        assert page in told
    assert all("CC BY 2.0" in line for line in photographs.CREDITS)


def test_the_interval_of_the_median_holds_it():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        low, high = summary._median_interval(random.normal(1.0, 0.3, 50).tolist())
        held += low <= 1.0 <= high
    assert held >= 180  # 95% of them, give or take


def test_unknown_word_lists_the_commands(tmp_path):
    done = run_numapool("nonsense", cwd=tmp_path)
    assert done.returncode == 2
    assert '"nonsense"' in done.stderr
    assert "demo" in done.stderr
    assert not done.stdout


def test_help_of_the_commands(capsys):
    assert main(["--help"]) == 0
    assert "demo" in capsys.readouterr().out
    assert main([]) == 2


@pytest.mark.parametrize("words", [["--steps", "0"], ["--steps", "many"], ["--seed", "-1"], ["--nonsense"]])
def test_wrong_options(words):
    with pytest.raises(SystemExit) as stopped:
        command.main(words)
    assert stopped.value.code == 2


def test_a_folder_that_is_not_there(capsys, tmp_path):
    assert command.main(["--output", str(tmp_path / "nowhere" / "picture.png")]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(command.NEEDED, "no_such_module_is_here", "no-such-package")
    assert command.main([]) == 1
    told = capsys.readouterr().err
    assert "no-such-package" in told
    assert "numapool[demo]" in told
