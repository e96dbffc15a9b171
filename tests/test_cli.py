"""The command line as scripts see it: streams, exit codes, one-line mistakes, instant listing."""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import unbench
from PIL import Image
from safetensors.torch import load_file

from unbench.config import registry
from unbench.metrics import METRICS
from unbench.scenarios import SCENARIOS

SMOKE = ("-d", "synthetic", "--preset", "smoke")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which four methods have been run on the synthetic data set."""
    folder = tmp_path_factory.mktemp("home")
    done = unbench("run", "-m", "munkey", "-m", "none", "-m", "ft", "-m", "ga", *SMOKE, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_run_ends_in_a_table_and_the_paths_of_what_was_written(tmp_path: Path) -> None:
    done = unbench("run", "-m", "none", *SMOKE, cwd=tmp_path, COLUMNS="120")
    assert done.returncode == 0, done.stderr
    assert "synthetic" in done.stdout
    paths = [line for line in done.stdout.splitlines() if line.endswith(".parquet")]
    assert len(paths) == 2
    assert all((tmp_path / path).is_file() for path in paths)
    assert "starting" in done.stderr, "what is said along the way goes to standard error"


def test_run_json_prints_one_object_per_run_and_nothing_else(home: Path) -> None:
    done = unbench("run", "-m", "none", "-m", "ft[lr=0.02]", *SMOKE, "--json", cwd=home)
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["method"] for row in rows] == ["none", "ft"]
    assert rows[1]["hparams"]["lr"] == 0.02
    assert all(isinstance(row["avg_gap"], float) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "-m", "munky"), "did you mean 'munkey'"),
        (("run", "-d", "cifar1"), "did you mean 'cifar10'"),
        (("run", "--scenario", "random11"), "unknown scenario"),
        (("run", "-m", "ft[lrate=1]"), "unknown hyper-parameter"),
        (("run", "-m", "ft[epochs=many]"), "must be an integer"),
        (("run", "-m", "ft", "-m", "mumkey"), "did you mean 'munkey'"),
        (("run", "--preset", "cpuu"), "did you mean 'cpu'"),
        (("run", "--seed", "x"), "--seed"),
        (("run", "--sed", "1"), "--seed"),
        (("run", "--seed", str(2**63)), "the seed must be from 0 to 2^63 - 1"),
        (("sweep", "--seeds", f"0,{2**63}"), "the seed must be from 0 to 2^63 - 1"),
        (("tune", "-m", "ft", *SMOKE, "--time-limit", "-1"), "positive number of seconds"),
        (("tune", "-m", "ft", *SMOKE, "--time-limit", "nan"), "positive number of seconds"),
        (("run", "--checksums", "maybe"), "unknown value 'maybe' of --checksums"),
        (("run", "--device", "gpu17"), "cannot be used here"),
        (("run", "--data-root", "nowhere"), "is not a folder"),
        (("run", "-d", "folder", "--data-root", "."), "train"),
        (("run", *SMOKE, "--scenario", "class[label=77]"), "there are 4 classes"),
        (("run", *SMOKE, "--results", "file"), "cannot write in the results folder"),
        (("report", "--results", "nowhere"), "there is no results folder"),
        (("list", "runs", "--results", "file"), "file is a file, not a results folder"),
        (("diff", "nowhere", "nowhere@abc"), "there is no results folder"),
        (("diff", ".", "@abc"), "there are no runs in ."),
        (("show", "method", "fft"), "did you mean 'ft'"),
        (("show", "run", "ffff", "--results", "nowhere"), "there is no results folder"),
        (("check", "method", "nune"), "did you mean 'none'"),
        (("check",), "check takes 'method NAME', 'dataset NAME' or '--all'"),
        (("run", "-m", "munkey[encoder=pixel]"), "did you mean 'pixels'"),
        (("run", "-m", "munkey[aggregation=mean]"), "must be one of"),
        (("run", "-m", "ft[lr=0.1|]"), "empty alternative"),
        (("run", "-m", "ft[lr=0.1|fast]"), "must be a number"),
        (("train", "m", "-m", "munky"), "did you mean 'munkey'"),
        (("train", ".", *SMOKE), "is not empty"),
        (("forget", "nowhere", "--ids", "nowhere.txt"), "cannot read nowhere.txt"),
        (("forget", "nowhere", "--ids", "file"), "has no ids"),
        (("predict", "nowhere", "file"), "holds no model"),
        (("cost", "--entries", "10,many"), "whole numbers"),
        (("cost", "--entries", "10", "--index", "exacd"), "index must be one of"),
        (("cost", "--entries", "10,100000000000"), "100,000,000,000 keys take 286,102 GiB"),
        (("lst",), "lst"),
    ],
)
def test_a_mistake_is_one_line_on_standard_error_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "file").touch()
    done = unbench(*arguments, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if "starting" not in line and "reading" not in line]
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(lines) == 1, done.stderr
    assert said in lines[0]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    script = f"{shlex.quote(sys.executable)} -m unbench list metrics | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_what_an_encoding_lacks_is_a_question_mark_and_a_closed_stream_takes_everything(home: Path) -> None:
    arguments = ("report", "--plots", "none", "--out", "out")
    done = unbench(*arguments, cwd=home, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    shut = f"{shlex.quote(sys.executable)} -m unbench list metrics >&-"
    assert subprocess.run(["bash", "-c", shut], cwd=home, stderr=subprocess.PIPE, text=True).stderr == ""


@pytest.mark.parametrize("error", ["RuntimeError('out of luck')", "SystemExit('out of luck')"])
def test_a_failing_method_does_not_stop_the_next_and_the_exit_code_tells(tmp_path: Path, error: str) -> None:
    (tmp_path / "methods").mkdir()
    (tmp_path / "datasets").mkdir()
    card = Path(registry.method("none").path or "").read_text()
    card = card.replace('name = "none"', 'name = "broken"').replace("unbench.methods.none:DoNothing", "broken:Broken")
    (tmp_path / "methods" / "broken.toml").write_text(card)
    (tmp_path / "broken.py").write_text(
        "from unbench.methods.base import Method\n\n\nclass Broken(Method):\n"
        f"    def unlearn(self, model, access):\n        raise {error}\n"
    )
    environment = {"UNBENCH_CARDS": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    done = unbench("run", "-m", "broken", "-m", "none", *SMOKE, "--json", cwd=tmp_path, **environment)
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["failed", "ok"]
    assert "out of luck" in rows[0]["error"]
    assert "out of luck" in done.stderr


def test_alternatives_and_seeds_are_runs_of_their_own(home: Path) -> None:
    methods = ("-m", "none", "-m", "ft[lr=0.02|0.03]")
    done = unbench("run", *methods, *SMOKE, "--seed", "0", "--seed", "1", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = [(row["method"], row["hparams"].get("lr"), row["seed"]) for row in rows]
    assert found == [(m, lr, s) for s in (0, 1) for m, lr in (("none", None), ("ft", 0.02), ("ft", 0.03))]


def test_a_model_is_trained_asked_and_made_to_forget(home: Path) -> None:
    done = unbench("train", "model", *SMOKE, cwd=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "model\n"
    assert done.stderr.endswith("next: unbench predict model IMAGES, unbench forget model --ids FILE\n")
    Image.new("L", (20, 20), 90).save(home / "grey.png")
    before = unbench("predict", "model", "grey.png", "--json", cwd=home)
    assert [set(row) for row in json.loads(before.stdout)] == [{"image", "class", "probability"}]
    stored = load_file(home / "model" / "model.safetensors")["memory.ids"].tolist()
    (home / "ids.txt").write_text(f"# a request\n{stored[0]}\n{stored[1]}\n987654\n")
    done = unbench("forget", "model", "--ids", "ids.txt", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert receipt["deleted"] == sorted(stored[:2])
    assert "987654" in done.stderr
    strict = unbench("forget", "model", "--ids", "ids.txt", "--strict", cwd=home)
    assert strict.returncode == 2
    piped = subprocess.run(
        [sys.executable, "-m", "unbench", "forget", "model", "--ids", "-", "--json"],
        cwd=home,
        input=str(stored[2]),
        capture_output=True,
        text=True,
    )
    assert json.loads(piped.stdout)["deleted"] == [stored[2]]
    assert unbench("predict", "model", "grey.png", cwd=home).returncode == 0


def test_a_model_without_a_memory_is_not_said_to_forget(home: Path) -> None:
    done = unbench("train", "plain", *SMOKE, "-m", "ft", cwd=home)
    assert done.stderr.endswith("next: unbench predict plain IMAGES\n"), done.stderr


def test_cost_prints_a_row_for_each_size(tmp_path: Path) -> None:
    done = unbench("cost", "--entries", "100,200", "--dim", "8", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["entries"] for row in json.loads(done.stdout)] == [100, 200]


def test_report_writes_leaderboard_and_plots(home: Path) -> None:
    done = unbench("report", cwd=home)
    assert done.returncode == 0, done.stderr
    written = {Path(line).name for line in done.stdout.splitlines() if line.startswith("reports")}
    assert {"leaderboard.md", "leaderboard.csv"} <= written
    assert sum(name.endswith(".png") for name in written) >= 3
    with (home / "reports" / "leaderboard.csv").open() as file:
        board = list(csv.DictReader(file))
    assert {row["method"] for row in board} >= {"munkey", "none", "ft", "ga"}
    assert all(row["avg_gap_floor_mean"] for row in board), "each gap stands beside the noise floor"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("methods", set(registry.methods())),
        ("datasets", set(registry.datasets())),
        ("scenarios", set(SCENARIOS)),
        ("metrics", set(METRICS)),
    ],
)
def test_lists_name_everything_in_text_and_json(tmp_path: Path, kind: str, names: set[str]) -> None:
    text = unbench("list", kind, cwd=tmp_path)
    assert names <= {line.split("\t")[0] for line in text.stdout.splitlines()}
    rows = json.loads(unbench("list", kind, "--json", cwd=tmp_path).stdout)
    assert names <= {row["name"] for row in rows}


def test_runs_are_listed_and_shown_by_the_beginning_of_their_key(home: Path) -> None:
    rows = json.loads(unbench("list", "runs", "--json", cwd=home).stdout)
    assert {row["method"] for row in rows} >= {"munkey", "none", "ft", "ga"}
    key = rows[0]["run_key"]
    shown = json.loads(unbench("show", "run", key[:8], "--json", cwd=home).stdout)
    assert shown["run_key"] == key
    assert Path(home, shown["outputs"]).is_file()
    assert "test_acc" in unbench("show", "run", key[:8], cwd=home).stdout
    assert unbench("show", "run", "zzzz", cwd=home).returncode == 2


def test_show_prints_the_card(tmp_path: Path) -> None:
    method = json.loads(unbench("show", "method", "munkey", "--json", cwd=tmp_path).stdout)
    assert method["needs"] == ["original_training"], "no images, no labels"
    assert "K of the paper" in unbench("show", "method", "munkey", cwd=tmp_path).stdout
    dataset = json.loads(unbench("show", "dataset", "cub", "--json", cwd=tmp_path).stdout)
    assert dataset["family"] == "fine-grained"


@pytest.mark.parametrize("kind", ["method", "dataset"])
def test_check_answers_line_by_line(tmp_path: Path, kind: str) -> None:
    done = unbench("check", kind, "none" if kind == "method" else "digits", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("passed") for line in done.stdout.splitlines())
    assert not list(tmp_path.iterdir()), "a check leaves nothing behind"


@pytest.mark.parametrize(
    "command", [["--help"], ["diff", "--help"], ["list", "methods"], ["list", "metrics"], ["show", "dataset", "cub"]]
)
def test_help_and_lists_import_neither_torch_nor_datasets(tmp_path: Path, command: list[str]) -> None:
    script = (
        "import sys\nfrom unbench.cli import main\n"
        f"sys.argv = ['unbench', *{command!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'torchvision', 'datasets', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_version_and_help(tmp_path: Path) -> None:
    assert unbench("--version", cwd=tmp_path).stdout.strip()[0].isdigit()
    help_ = unbench("--help", cwd=tmp_path)
    assert help_.returncode == 0
    listed = [line.split()[0] for line in help_.stdout.partition("Commands:\n")[2].splitlines() if line[2:3].strip()]
    assert listed == [
        *("run", "tune", "shadow", "sweep", "status", "gc", "evaluate", "report", "diff", "export"),
        *("train", "forget", "predict", "cost", "check"),
        *("list", "show", "new"),
    ]


def test_shadow_models_and_evaluation_from_the_command_line(tmp_path: Path) -> None:
    ran = unbench("run", "-m", "none", *SMOKE, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    grown = unbench("shadow", "-m", "none", *SMOKE, "--count", "4", "--jobs", "1", cwd=tmp_path)
    assert (grown.returncode, grown.stdout) == (0, "none\tsynthetic\t4\t0\n"), grown.stderr
    wanted = ("--metric", "test_acc", "--metric", "ratio_mia_auroc", "--metric", "ulira_auroc")
    done = unbench("evaluate", *wanted, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["metric"] for row in rows} == {"test_acc", "ratio_mia_auroc", "ulira_auroc"}
    assert all((row["value"] is None) == (row["missing"] is not None) for row in rows)
    assert {str(row["seed"]) for row in rows} == {"0", "None"}, "not a float beside what has none"
    lines = unbench("evaluate", *wanted, cwd=tmp_path).stdout.splitlines()
    assert len(lines) == len(rows) and all(line.count("\t") == 11 for line in lines)
    shown = json.loads(unbench("show", "metric", "rmia_auroc", "--json", cwd=tmp_path).stdout)
    assert shown["range"] == [0, 100] and "2312.03262" in shown["source"]
    for command in (("evaluate", "--metric", "mia_auc"), ("show", "metric", "mia_auc")):
        wrong = unbench(*command, cwd=tmp_path)
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert "did you mean" in wrong.stderr.splitlines()[-1]
    odd = unbench("shadow", "-m", "none", *SMOKE, "--count", "5", cwd=tmp_path)
    assert odd.returncode == 2 and "must be even" in odd.stderr
