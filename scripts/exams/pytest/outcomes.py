# A plugin of pytest: one line of JSON for each test's outcome, to the file that KEYFOLD_OUTCOMES names.
import json
import os

seen = {}


def pytest_runtest_logreport(report):
    name = report.nodeid.replace(".no_mode.1", "")
    expected = hasattr(report, "wasxfail")
    if report.when == "call":
        if expected:
            outcome = "xpassed" if report.passed else "xfailed"
        else:
            outcome = report.outcome
        seen[name] = (outcome, text_of(report))
    elif report.skipped:
        seen[name] = ("xfailed" if expected else "skipped", text_of(report))
    elif report.failed:
        seen[name] = ("failed", text_of(report))


def text_of(report):
    if report.passed:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return crash.message[:600]
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])[:200]
    return str(report.longrepr)[-600:]


def pytest_sessionfinish(session):
    with open(os.environ["KEYFOLD_OUTCOMES"], "w") as out:
        for name, (outcome, reason) in seen.items():
            out.write(json.dumps({"name": name, "outcome": outcome, "reason": reason}) + "\n")
