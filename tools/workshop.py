"""Owns a copy of the sources with its build, in which tools/plant_bugs tries one bug at a time, and its tests.

Knows nothing of where the bugs come from and of what is told in the end.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

UNIT_ROOMS = ("pool", "cache", "arena", "os", "base", "topology", "pressure", "watch")
CPP_SUITES = ["unit_pool", "contract", "fuzz", "stress", *(f"unit_{room}" for room in UNIT_ROOMS)]
# A test's name up to the first dot is its suite, and the suite the name of what is built, but for these.
TARGETS = {"fuzz": "pool_random", "pytest": "numapool_python"}
PYTHON_TESTS = [
    *("pool", "repeated_requests", "reuse_lifetime", "stateful", "pool_machine", "checked", "where", "numa"),
    *("faults_borrowed", "faults_lifetime", "faults_ownership", "faults_process", "faults_requests"),
]
SLOW_SECONDS = 6  # a test that takes longer runs when all others have passed
CONFIGURE = [
    "-GNinja",
    "-DCMAKE_BUILD_TYPE=Plants",  # neither of CMake's own: the flags below are all there are
    "-DCMAKE_CXX_FLAGS=-O1 -D_GLIBCXX_ASSERTIONS",
    "-DNUMAPOOL_BUILD_PYTHON=ON",
    "-DNUMAPOOL_BUILD_CLI=OFF",
    "-DNUMAPOOL_BUILD_EXAMPLES=OFF",
    "-DNUMAPOOL_INSTALL=OFF",
]


def suites_for(plant):
    """Return the suites in the order in which a plant meets them."""
    if plant.suite == "python":
        return ["pytest"]
    own = [f"unit_{plant.room}"] if plant.room in UNIT_ROOMS else []
    return list(dict.fromkeys([*own, *CPP_SUITES]))


def how(status):
    """Say how a process ended that should have ended with 0."""
    if status is None:
        return "hangs"
    return "fails" if status > 0 else signal.Signals(-status).name


@dataclass(frozen=True)
class Test:
    """One test as ctest would run it."""

    name: str
    command: list[str]
    environment: list[str]
    folder: str


class Workshop:
    """A copy of the sources with its build, in which one plant at a time is tried."""

    def __init__(self, root, number, width):
        self.folder = root / "build/plants" / str(number)
        self.width = width
        python = root / ".venv/bin/python"
        self.python = str(python if python.exists() else sys.executable)
        self.environment = os.environ | {
            "NUMAPOOL_STRESS_SECONDS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.folder / "site"),
            # One copy's objects serve the others.
            "CCACHE_BASEDIR": str(self.folder),
            "CCACHE_NOHASHDIR": "1",
        }
        if "CMAKE_CXX_COMPILER_LAUNCHER" not in os.environ and shutil.which("ccache"):
            self.environment["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
        self.copy(root)
        self.tests = {}
        self.seconds = {}  # that each test takes without a plant
        self.fails_anyway = set()

    def copy(self, root):
        """Bring the copy up to date, touching only what differs."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        names = {name for name in listed.stdout.split("\0") if name and (root / name).is_file()}
        for name in names:
            target = self.folder / name
            if not target.is_file() or target.read_bytes() != (root / name).read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, target)
                target.chmod((root / name).stat().st_mode)
        for folder in ("src", "include", "python", "tests"):
            for path in (self.folder / folder).rglob("*"):
                if path.is_file() and path.relative_to(self.folder).as_posix() not in names:
                    path.unlink()

    def digest(self):
        """Return a hash of all sources and tests."""
        whole = hashlib.sha256()
        for folder in ("src", "include", "python", "tests"):
            for path in sorted((self.folder / folder).rglob("*")):
                if path.is_file():
                    whole.update(
                        path.relative_to(self.folder).as_posix().encode() + b"\0" + path.read_bytes()
                    )
        return whole.hexdigest()

    def build(self, suite):
        """Build what a suite runs; return what went wrong, or ""."""
        command = ["cmake", "--build", "build", "-j", str(self.width), "--target", TARGETS.get(suite, suite)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        return "" if done.returncode == 0 else done.stdout[-3000:]

    def set_up(self):
        """Build everything without any plant, and list the tests."""
        configure = ["cmake", "-S.", "-Bbuild", *CONFIGURE, f"-DPython_EXECUTABLE={self.python}"]
        subprocess.run(
            configure, cwd=self.folder, env=self.environment, check=True, stdout=subprocess.DEVNULL
        )
        for suite in [*CPP_SUITES, "pytest"]:
            if wrong := self.build(suite):
                raise SystemExit(f"tools/plant_bugs: {suite} cannot be built as it is:\n{wrong}")
        site = self.folder / "site/numapool"
        shutil.rmtree(site.parent, ignore_errors=True)
        site.mkdir(parents=True)
        for path in [
            *(self.folder / "python/numapool").iterdir(),
            *(self.folder / "build/python").glob("_core*.so"),
        ]:
            (site / path.name).symlink_to(path)
        shown = subprocess.run(
            ["ctest", "--test-dir", "build", "--show-only=json-v1"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for entry in json.loads(shown.stdout)["tests"]:
            suite = entry["name"].partition(".")[0]
            if "command" not in entry or suite not in CPP_SUITES:
                continue  # not built, or too slow
            properties = {each["name"]: each["value"] for each in entry.get("properties", [])}
            test = Test(
                entry["name"],
                entry["command"],
                properties.get("ENVIRONMENT", []),
                properties.get("WORKING_DIRECTORY", str(self.folder / "build")),
            )
            self.tests.setdefault(suite, []).append(test)

    def run(self, command, environment, folder, limit):
        """Run a command of its own process group; return its status, None if it took too long, and its output."""
        process = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=limit)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            return None, ""
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def first_failure(self, tests):
        """Run tests until one fails; return its name and how it failed, or None."""
        failed = []

        def run(test):
            if failed or test.name in self.fails_anyway:
                return
            environment = self.environment | dict(pair.split("=", 1) for pair in test.environment)
            limit = 20 + 10 * self.seconds.get(test.name, 60)
            status, _ = self.run(test.command, environment, test.folder, limit)
            if status != 0:
                failed.append((test.name, how(status)))

        with ThreadPoolExecutor(self.width) as pool:
            list(pool.map(run, sorted(tests, key=lambda test: self.seconds.get(test.name, 0))))
        return failed[0] if failed else None

    def run_pytest(self, *options):
        """Run the Python tests; return pytest's status, the tests that failed, and the one that began last."""
        files = [f"python/tests/test_{name}.py" for name in PYTHON_TESTS]
        left_out = [f"--deselect={name}" for name in self.fails_anyway if "::" in name]
        command = [self.python, "-m", "pytest", "-v", "-p", "no:cacheprovider", *options, *left_out, *files]
        status, output = self.run(command, self.environment, self.folder, 600)
        lines = output.splitlines()
        failed = [line.split(" ")[1] for line in lines if line.startswith(("FAILED ", "ERROR "))]
        begun = [line.split(" ")[0] for line in lines if line.startswith("python/tests/")]
        return status, failed, begun[-1] if begun else "pytest"

    def first_python_failure(self):
        """Run the Python tests until one fails; return its name and how it failed, or None."""
        status, failed, last = self.run_pytest("-x")
        return None if status == 0 else (failed[0] if failed else last, how(status))

    def learn(self):
        """Run all tests without a plant: what fails now is no sign of one, and what is slow may be slow then."""

        def run(test):
            begun = time.monotonic()
            failure = self.first_failure([test])
            return time.monotonic() - begun, failure

        tests = [test for each in self.tests.values() for test in each]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for test, (seconds, failure) in zip(tests, pool.map(run, tests), strict=True):
                self.seconds[test.name] = seconds
                if failure:
                    self.fails_anyway.add(test.name)

    def learn_python(self):
        """The same for the Python tests."""
        status, failed, last = self.run_pytest()
        if status != 0 and not failed:
            raise SystemExit(f"tools/plant_bugs: the Python tests end as they are at {last}: {how(status)}")
        self.fails_anyway.update(failed)

    def try_plant(self, plant, quick):
        """Return "caught", "survived" or "invalid", and by what or why."""
        path = self.folder / plant.file
        clean = path.read_text(encoding="utf-8")
        path.write_text(plant.in_text(clean), encoding="utf-8")
        try:
            slow = []  # these last
            for suite in suites_for(plant):
                if wrong := self.build(suite):
                    return "invalid", wrong
                if suite == "pytest":
                    failure = self.first_python_failure()
                else:
                    tests = self.tests[suite]
                    late = [test for test in tests if self.seconds.get(test.name, 0) > SLOW_SECONDS]
                    slow += late
                    failure = self.first_failure([test for test in tests if test not in late])
                if failure:
                    return "caught", f"{failure[0]} ({failure[1]})"
            failure = None if quick else self.first_failure(slow)
            return ("caught", f"{failure[0]} ({failure[1]})") if failure else ("survived", "")
        finally:
            path.write_text(clean, encoding="utf-8")


def clean_run(workshop, known):
    """Return how long each test takes without a plant, and which fail then; kept in `known` while the sources stay."""
    sources = workshop.digest()
    if not known.exists() or json.loads(known.read_text(encoding="utf-8"))["sources"] != sources:
        workshop.learn()
        workshop.learn_python()
        learnt = {"sources": sources, "seconds": workshop.seconds, "fails": sorted(workshop.fails_anyway)}
        known.write_text(json.dumps(learnt), encoding="utf-8")
    learnt = json.loads(known.read_text(encoding="utf-8"))
    return learnt["seconds"], set(learnt["fails"])
