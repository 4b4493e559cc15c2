"""A headless Chromium for tests, driven by the DevTools protocol over a pipe.

The protocol over a pipe takes nothing but the standard library (over a socket it would take a WebSocket client), and
unlike `--dump-dom` it clicks, types, and sees every message of the console and every request.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chromium-headless-shell",
)
# Slow enough for a busy machine; a test that works never waits for it.
_TIMEOUT_S = 120.0
_PATIENCE_S = 20.0
_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # needs privileges that containers lack; only pages that tests wrote are opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)


def find_browser() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@dataclass
class Page:
    """A page that is open.

    Attributes:
        problems: What the console said and exceptions that nothing caught.
        requests: Addresses that were asked for, data URIs apart.
    """

    browser: Browser
    session: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol for this page."""
        return self.browser.send(method, parameters, self.session)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Wait for a JavaScript expression to become true."""
        assert self.wait_for(f"!!({expression})", True), f"never came true: {expression}"

    def wait_for(self, expression: str, value: Any) -> Any:
        """Wait a while for a JavaScript expression to have a value; returns the one that it has then."""
        end = time.monotonic() + _PATIENCE_S
        while (found := self.evaluate(expression)) != value and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def click(self, selector: str) -> None:
        """Click in the middle of the first element that a selector finds, by the mouse."""
        place = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )

    def type(self, text: str) -> None:
        """Type into the element that has the focus."""
        self.send("Input.insertText", text=text)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and let go."""
        for kind in ("keyDown", "keyUp"):
            shown = {"text": text} if text and kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **shown
            )

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select, as a user would be seen to."""
        self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(value)};"
            " e.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """Give the page so many pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def prefer(self, scheme: str) -> None:
        """Prefer "dark" or "light" colours."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def close(self) -> None:
        """Close the page."""
        self.send("Page.close")

    def screenshot(self, path: Path) -> None:
        """Save what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


class Browser:
    """A browser process; open it with `running_browser`."""

    def __init__(self, answers: int, commands: int) -> None:
        self._answers, self._commands = answers, commands
        self._received = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def open(self, address: str) -> Page:
        """Open a page and wait until it is loaded."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send("Page.navigate", url=address)
        page.wait_until(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")
        return page

    def send(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """Call a method of the protocol and wait for its result."""
        self._number += 1
        call: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            call["sessionId"] = session
        content = json.dumps(call).encode() + b"\0"
        while content:
            content = content[os.write(self._commands, content) :]
        end = time.monotonic() + _TIMEOUT_S
        while True:
            message = self._receive(end)
            if message.get("id") == self._number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _receive(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], max(end - time.monotonic(), 0))
            content = os.read(self._answers, 1 << 20) if ready else b""
            if not content:
                raise AssertionError("the browser ended" if ready else "the browser doesn't answer")
            self._received += content
        line, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        """Keep what an event says of its page."""
        page = self._pages.get(message.get("sessionId", ""))
        if page is None:
            return
        method, said = message["method"], message["params"]
        if method == "Runtime.consoleAPICalled":
            page.problems.append(f"console.{said['type']}: {said['args']}")
        elif method == "Runtime.exceptionThrown":
            page.problems.append(str(said["exceptionDetails"]))
        elif method == "Log.entryAdded":
            page.problems.append(str(said["entry"]))
        elif method == "Network.requestWillBeSent" and not said["request"]["url"].startswith("data:"):
            page.requests.append(said["request"]["url"])


@contextlib.contextmanager
def running_browser(program: str) -> Iterator[Browser]:
    """Start a browser, and end it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        inward, outward = os.pipe(), os.pipe()
        # Chromium reads from descriptor 3 and writes to 4; ours must not be these when they are put there.
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (inward[0], outward[1])]
        process = os.posix_spawn(
            program,
            [program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs[0], 3),
                (os.POSIX_SPAWN_DUP2, theirs[1], 4),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )
        for end in (inward[0], outward[1], *theirs):
            os.close(end)
        browser = Browser(outward[0], inward[1])
        try:
            yield browser
            browser.send("Browser.close", {})
        finally:
            _end(process)
            os.close(inward[1])
            os.close(outward[0])


def _end(process: int) -> None:
    """Wait for a process to end by itself for a while, then make it."""
    for _ in range(100):
        if os.waitpid(process, os.WNOHANG)[0]:
            return
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
