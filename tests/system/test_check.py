"""closedloopd -t and -T, the real program, on the wrong configurations of tests/conf-bad."""

from __future__ import annotations

import os
import shutil
import subprocess

from harness import CTL, DAEMON, ROOT, Env

BAD = ROOT / "tests" / "conf-bad"


def configuration(env: Env, name: str):
    """The base configuration with the folder's files laid over it."""
    folder = env.folder / name
    shutil.copytree(BAD / "base", folder)
    if name != "base":
        shutil.copytree(BAD / name, folder, dirs_exist_ok=True)
    (folder / "expect").unlink()
    return folder / "closedloopd.conf"


def checked(env: Env, name: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(DAEMON), *options, "-c", str(configuration(env, name))], capture_output=True, text=True,
                          timeout=30, check=False, env=os.environ | {"CLOSEDLOOP_TEST_EMPTY": "", "CREDENTIALS_DIRECTORY": str(env.folder / name / "credentials")})


def test_the_program_says_all_that_is_wrong_and_nothing_else(env: Env):
    seen = 0
    for folder in sorted(BAD.iterdir()):
        # Those that need more than files laid over others are played by the unit test.
        if not (folder / "expect").is_file() or (folder / "remove").exists() or (folder / "setup").exists():
            continue
        wanted = (folder / "expect").read_text(encoding="utf-8")
        said = checked(env, folder.name, "-t")
        assert said.stderr == wanted, f"{folder.name}: expected\n{wanted}but it said\n{said.stderr}"
        is_wrong = any(": warning: " not in line and not line.startswith(" ") for line in wanted.splitlines())
        assert said.returncode == (78 if is_wrong else 0), f"{folder.name}: exit code {said.returncode}"
        seen += 1
    assert seen > 100, seen


def test_the_effective_configuration_has_no_secret_in_it(env: Env):
    said = checked(env, "base", "-T")
    assert said.returncode == 0, said.stderr
    secrets = [p.read_text().strip() for p in (BAD / "base" / "credentials").iterdir()]
    assert secrets and "brokers" in said.stdout
    for secret in secrets:
        assert secret not in said.stdout + said.stderr


def test_wrong_use_is_64_and_help_is_not_also_while_no_daemon_runs(env: Env):
    def code(*command) -> int:
        return subprocess.run([str(word) for word in command], capture_output=True, timeout=30, check=False).returncode

    nowhere = ("-s", env.folder / "nowhere")
    for wrong in ((DAEMON, "--halp"), (DAEMON, "-t", "-T"), (DAEMON, "--verify", "a", "--restore", "b"), (DAEMON, "status"),
                  (CTL,), (CTL, *nowhere, "statsu"), (CTL, *nowhere, "backup", "caf\udce9")):
        assert code(*wrong) == 64, wrong
    for right in ((DAEMON, "--help"), (DAEMON, "-h"), (DAEMON, "--version"), (CTL, "--help"), (CTL, "--version")):
        assert code(*right) == 0, right
    assert code(CTL, *nowhere, "status") == 69
