"""The README's tour, "Follow one answer through the code", is walked in the real daemon with a debugger."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import signal
import subprocess

from harness import ROOT, Env, answers, eventually


def tour_steps() -> list[tuple[str, str]]:
    path = ROOT / "tests" / "docs" / "readme"
    loader = importlib.machinery.SourceFileLoader("readme", str(path))
    spec = importlib.util.spec_from_loader("readme", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module.tour()


def test_one_answer_takes_the_ten_steps_of_the_readme_in_their_order(env: Env):
    steps = [function for _, function in tour_steps()]
    kafka = env.kafka()
    topic = env.topic(kafka)
    receivers = env.receivers()
    daemon = env.daemon(env.config(kafka, topic, receivers))
    daemon.program = ROOT / "build" / "tests" / "closedloopd"
    subprocess.run(["make", "-s", "build/tests/closedloopd"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    daemon.start()
    eventually(lambda: daemon.ctl("status")["kafka"]["partitions"], "the partition has its place")
    assert daemon.process
    script = env.folder / "tour.gdb"
    script.write_text("\n".join(["set pagination off", "set breakpoint pending off", "handle SIGTERM nostop pass",
                                 "python", f"steps = {steps!r}", TOUR, "end"]), encoding="utf-8")
    walked = env.folder / "walked"
    debugger = subprocess.Popen(["gdb", "-q", "-nx", "-batch", "-p", str(daemon.process.pid), "-x", str(script)],
                                stdin=subprocess.DEVNULL, stdout=open(walked, "wb"), stderr=subprocess.STDOUT)
    try:
        eventually(lambda: b"ready to walk" in walked.read_bytes(), "the debugger is attached")
        answer = answers(1)[0]
        answer["answers"] = {"nps": 1}
        kafka.produce(topic, [answer])
        eventually(lambda: b"step work_result" in walked.read_bytes(), "the answer has come to the last step")
    finally:
        debugger.send_signal(signal.SIGINT)
        debugger.kill()
        debugger.wait()
    seen = [line.split()[1] for line in walked.read_text(errors="replace").splitlines() if line.startswith("step ")]
    # What the loop does anyway each second is counted from the answer on: the last time before the next step.
    at = -1
    for step in steps:
        assert step in seen[at + 1:], f"{step} did not come after {seen[at] if at >= 0 else 'the start'}: {seen}"
        at = seen.index(step, at + 1)


TOUR = """
class Step(gdb.Breakpoint):
    def __init__(self, name):
        super().__init__(name)
        self.name = name
    def stop(self):
        print("step", self.name, flush=True)
        return False
for name in steps:
    Step(name)
print("ready to walk", flush=True)
gdb.execute("continue")
"""
