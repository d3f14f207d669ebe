"""What the programs say when nobody can take what they print."""

from __future__ import annotations

import subprocess

from harness import CTL, Env


def test_what_is_printed_onto_a_full_disk_is_an_error_however_long_it_is(env: Env):
    settings = env.config("127.0.0.1:9", "nothing", env.receivers())
    daemon = env.daemon(settings)
    people = daemon.config.with_name("people.csv")
    first = people.read_text(encoding="utf-8").splitlines()[1]
    with people.open("a", encoding="utf-8") as more:
        more.writelines(first.replace("ana", f"p{i}", 1) + "\n" for i in range(2000))
    for command in ([daemon.program, "-T", "-c", daemon.config], [CTL, "--help"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([str(word) for word in command], stdout=full, check=False)
        assert done.returncode == 74, (command, done)
