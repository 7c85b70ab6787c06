"""Sets Gradescope's image up from nothing and grades in it: `python tests/image.py [SUITE] [--mount FOLDER]...`.

SUITE is a release that debootstrap knows: jammy by default, Gradescope's Ubuntu 22.04. The zip of dist/ is unpacked into
its bare tree under build/image, setup.sh run as Gradescope does, and sample submissions graded by run_autograder: root with
Docker's capabilities and refused calls, name spaces of its own, /proc and /sys masked, 768 MB and half a core where control
groups of version 1 can be had. --mount shows the tree a folder of this machine, as one from which pip takes packages.

What it is not: Docker, or Gradescope. The filter is ours after Docker's default profile, the kernel is this machine's, the
base image lacks what Gradescope adds to it, and files that setup.sh wrote are still in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests/submissions"), str(ROOT / "tests/benchmarks")]
import assemble  # noqa: E402
from gradescope_container import GROUPS, limited  # noqa: E402

SAMPLES = ("blank", "einsum", "known-mistakes", "hangs", "too-much-memory", "partly-done", "missing-file", "syntax-error",
           "opens-files", "imports-torch", "exits", "floods-output", "majority-task", "odd-name", "shadows-numpy")  # fmt: skip
# Fills memory bit by bit, after the torch question: the container's runs out before the worker's own limit is reached.
HOG = "import numpy as np\nx = []\nwhile True:\n    x.append(np.ones(1 << 17))\n"
TOOLS = ("debootstrap", "unshare", "mount", "chroot")
KEPT = re.compile(r"(?i)pip_|(http|https|no)_proxy$")  # how pip and apt-get reach their packages here
INSIDE = """set -e
mount --bind "$TREE" "$TREE"
mount -t proc -o nosuid,nodev,noexec proc "$TREE/proc"
for path in bus fs irq sys; do
    mount --bind "$TREE/proc/$path" "$TREE/proc/$path"
    mount -o remount,bind,ro "$TREE/proc/$path"
done
for path in kcore keys sysrq-trigger timer_list; do
    if [ -e "$TREE/proc/$path" ]; then mount --bind /dev/null "$TREE/proc/$path"; fi
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$TREE/sys"
mount -t tmpfs -o ro tmpfs "$TREE/sys/firmware"
mount -t tmpfs -o mode=755 tmpfs "$TREE/dev"
for device in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
    mknod -m 666 "$TREE/dev/${device% *}" c 1 "${device#* }"
done
ln -s /proc/self/fd "$TREE/dev/fd"
mkdir "$TREE/dev/shm"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$TREE/dev/shm"
for folder in $MOUNTS; do mkdir -p "$TREE$folder"; mount --bind -o ro "$folder" "$TREE$folder"; done
exec "$PYTHON" "$CONDITIONS" "$CONDITION" chroot "$TREE" bash -c "$1"
"""


def inside(tree: Path, words: str, mounts: list[str], condition: str = "docker") -> tuple[list[str], dict[str, str]]:
    """A command that runs words in a tree, and its environment. What it mounts is gone with it."""
    environment = {name: value for name, value in os.environ.items() if KEPT.match(name)}
    if "PIP_CERT" in environment:
        shutil.copy(environment["PIP_CERT"], tree / "opt/certificates.pem")
        environment["PIP_CERT"] = "/opt/certificates.pem"
    environment |= {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TREE": str(tree),
        "PYTHON": sys.executable, "CONDITIONS": str(ROOT / "tests/attacks/conditions.py"), "CONDITION": condition,
        "MOUNTS": " ".join(mounts),
    }  # fmt: skip
    apart = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
    return [*apart, "bash", "-c", INSIDE, "-", words], environment


def bare(suite: str, tree: Path, keyring: Path) -> None:
    """The bare tree of a suite, unless it is there. Raises SystemExit without the keys that its archive is signed with."""
    if (tree / "autograder").exists():
        return
    tree.parent.mkdir(parents=True, exist_ok=True)
    ubuntu = "ubuntu" in Path("/usr/share/debootstrap/scripts", suite).read_text(encoding="utf-8")
    words = ["debootstrap", "--variant=minbase", *(["--components=main,universe"] if ubuntu else [])]
    if ubuntu and not keyring.exists():
        raise SystemExit(f"{keyring}: not there, and Ubuntu's archive is signed with it; say --keyring, or another suite")
    words += ["--keyring", str(keyring)] if ubuntu else []
    subprocess.run([*words, suite, str(tree)], check=True, stdout=subprocess.DEVNULL)
    sources = tree / "etc/apt/sources.list"
    line = sources.read_text().splitlines()[0]
    sources.write_text(f"{line}\n{line.replace(f' {suite} ', f' {suite}-updates ')}\n")  # as images have it
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    (tree / "autograder").mkdir()


def set_up(tree: Path, mounts: list[str]) -> None:
    """Unpack the zip and run its setup.sh. Raises CalledProcessError."""
    (zipped,) = (ROOT / "dist").glob("*-gradescope-autograder.zip")
    shutil.rmtree(tree / "autograder/source", ignore_errors=True)
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(tree / "autograder/source")
    shutil.copy(tree / "autograder/source/run_autograder", tree / "autograder/run_autograder")
    (tree / "autograder/run_autograder").chmod(0o755)
    words, environment = inside(tree, "cd / && apt-get update && bash /autograder/source/setup.sh && apt-get clean", mounts)
    log = tree.parent / f"{tree.name}.log"
    begun = time.monotonic()
    with log.open("wb") as output:
        subprocess.run(words, env=environment, stdout=output, stderr=subprocess.STDOUT, check=True)
    size = int(subprocess.run(["du", "-smx", str(tree)], capture_output=True, text=True, check=True).stdout.split()[0])
    print(f"{tree.name}: set up in {time.monotonic() - begun:.0f} s, {size} MB; {log} tells more", flush=True)


def grade(tree: Path, name: str, files: Mapping[str, bytes], expected: float | None, condition: str = "docker") -> bool:
    """Grade a submission and say what came of it. expected: points; None where nothing may be graded."""
    for folder in ("submission", "results"):
        shutil.rmtree(tree / "autograder" / folder, ignore_errors=True)
        (tree / "autograder" / folder).mkdir()
    for path, data in files.items():
        (tree / "autograder/submission" / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / "autograder/submission" / path).write_bytes(data)
    words, environment = inside(tree, "cd /autograder && ./run_autograder", [], condition)
    said = limited(words, environment)
    found = json.loads((tree / "autograder/results/results.json").read_bytes())
    failed = found.get("extra_data", {}).get("status") == "grader_error"
    right = failed if expected is None else not failed and abs(found["score"] - expected) < 1e-6
    print(f"{'right' if right else 'WRONG'}  {name:<18} {found['score']:>6g} points {said}", flush=True)
    if not right:
        print(found["tests"][-1]["output"][-2000:])
    return right


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", nargs="?", default="jammy")
    parser.add_argument("--mount", action="append", default=[])
    parser.add_argument("--keyring", type=Path, default=Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"))
    options = parser.parse_args()
    lacks = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.name != "posix" or os.geteuid() != 0 or lacks:
        print(f"left out: needs root on Linux{' and ' if lacks else ''}{', '.join(lacks)}")
        return 0
    tree = ROOT / "build/image" / options.suite
    bare(options.suite, tree, options.keyring)
    set_up(tree, options.mount)
    if not GROUPS.joinpath("memory/memory.limit_in_bytes").exists():
        print("without limits of memory and processor: there are no control groups of version 1 here")
    samples = assemble.samples()
    right = [grade(tree, name, assemble.submission_files(name, samples[name]), samples[name]["total"]) for name in SAMPLES]
    solution = assemble.submission_files("solution", {"base": "solution", "remove": []})
    hog = {**solution, "memnet/memory_budget.py": HOG.encode()}
    right.append(grade(tree, "fills memory", hog, samples["plots-left-in"]["total"] - 6))  # all but G1 and G2
    right.append(grade(tree, "cannot be confined", solution, None, "no-seccomp"))
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
