"""`python -m tests.testhub --port 8765 --library DIR`: a hub to try hubman on."""

from __future__ import annotations

import argparse
import ast
import sys
import time

from tests.testhub import misbehave
from tests.testhub.catalogue import make_model
from tests.testhub.content import big_safetensors
from tests.testhub.hub import ANSWERS, HUB_NAMES, TestHub, add_library


def main() -> int:
    """Run until Ctrl-C, or for a time."""
    parser = argparse.ArgumentParser(prog="python -m tests.testhub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the first hub; the others follow (default: free ones)")
    parser.add_argument("--storage-port", type=int, default=0)
    parser.add_argument("--library", metavar="DIR", help="serve every model file below it, on all hubs")
    parser.add_argument("--big", type=int, metavar="MB", help="serve one made-up safetensors of this size too")
    parser.add_argument("--rate", type=float, metavar="MBIT", help="megabits per second, everything together")
    parser.add_argument("--per-connection", type=float, metavar="MBIT", help="megabits per second of each connection")
    parser.add_argument(
        "--misbehave",
        action="append",
        default=[],
        metavar="FAULT[@PORT[*TIMES]]",
        help="such as 'Cut(after=1000)@storage' or 'Status(429, retry_after=2)@civitai'; README.md has the list",
    )
    parser.add_argument("--for", type=float, dest="seconds", metavar="SECONDS", help="stop by itself after a time")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every request")
    given = parser.parse_args()
    mbit = 1e6 / 8
    hub = TestHub(
        port=given.port,
        storage_port=given.storage_port,
        rate=given.rate * mbit if given.rate else None,
        per_connection=given.per_connection * mbit if given.per_connection else None,
    )
    with hub:
        if given.library:
            add_library(hub, given.library)
        if given.big:
            hub.catalogue.add(make_model("Big", hubs=HUB_NAMES, files=[big_safetensors(given.big << 20)]))
        for text in given.misbehave:
            fault, at, where = text.rpartition("@")
            on, often, times = where.partition("*")
            rule = {"on": on, "times": int(times) if often else None} if at else {}
            hub.misbehave(_fault(fault if at else text), **rule)
        _say(hub)
        _wait(hub, given.seconds, given.verbose)
    return 0


def _fault(text: str) -> misbehave.Fault:
    """Build a fault from its name and its literal arguments."""
    try:
        call = ast.parse(text if "(" in text else text + "()", mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        values = [ast.literal_eval(value) for value in call.args]
        made = getattr(misbehave, call.func.id)(*values, **{k.arg: ast.literal_eval(k.value) for k in call.keywords})
        assert isinstance(made, misbehave.Fault)
    except (AssertionError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise SystemExit(f"{text} is no fault of tests/testhub/misbehave.py: {error}") from error
    return made


def _say(hub: TestHub) -> None:
    out = sys.stdout
    for name, value in hub.environment().items():
        out.write(f"export {name}={value}\n")
    for name, value in hub.token_environment().items():
        out.write(f"# its token: export {name}={value}\n")
    for name in ANSWERS:
        if name not in HUB_NAMES:
            out.write(f"# {name}: {hub.url(name)}\n")
    for model in hub.catalogue.models:
        first = model.versions[0]
        name = first.files[0].name
        out.write(
            f"# {name}: civitai:{model.id}@{first.id} hf:{model.repo} modelscope:{model.repo} liblib:{model.uuid}\n"
        )
    out.flush()


def _wait(hub: TestHub, seconds: float | None, verbose: bool) -> None:
    end = None if seconds is None else time.monotonic() + seconds
    shown = 0
    try:
        while end is None or time.monotonic() < end:
            time.sleep(0.2)
            requests = hub.requests[shown:]
            shown += len(requests)
            for request in requests if verbose else ():
                sys.stderr.write(f"{request!r} {request.header('range') or ''}\n")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    sys.exit(main())
