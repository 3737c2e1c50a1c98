"""The page, in a real Chromium; nothing but this machine may be asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.core import Assistant
from assistant.fakes import ScriptedModel
from assistant.settings import Settings
from store.ingest import ingest
from store.store import Store
from tests.assistant.test_ask import run

pytest.importorskip("mcp", reason="the extra serve is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from tests.assistant.test_serve import Server  # noqa: E402

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("no chromium on this machine", allow_module_level=True)

LIST = "what papers study grokking?"
HOSTILE = "<img src=x onerror=alert(1)> <script>document.title='owned'</script> [x](http://evil.example) We prune hostile marmalade networks and find that marmalade sticks."


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        launched = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def store(digest_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "store"
    shutil.copytree(digest_store, path)
    file = path.parent / "hostile.jsonl"
    file.write_text(json.dumps({"title": "<b>Marmalade</b> networks", "abstract": HOSTILE, "url": "javascript:alert(1)"}) + "\n")
    with Store(path) as opened:
        ingest(opened, [file])
    return path


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    with Server(Assistant(store, name="papers")) as running:
        yield running


class Visit:
    """A page of the server; what went wrong in it is in ``faults``."""

    def __init__(self, browser: Any, server: Server, width: int = 1000, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog {dialog.message}"))

        def local(route: Any) -> None:
            if route.request.url.startswith((server.url, "data:", "blob:")):
                route.continue_()
            else:
                self.faults.append(f"foreign request {route.request.url}")
                route.abort()

        self.page.route("**/*", local)
        self.page.goto(server.url)

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, *error: object) -> None:
        self.context.close()
        if error[0] is None:
            # What a page is told of a bad request, Chromium logs as an error.
            assert not [fault for fault in self.faults if "400 (Bad Request)" not in fault]


def asked(page: Any, question: str) -> None:
    count = page.locator("#turns > li").count()
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.locator("#turns > li").nth(count).locator(".tools").wait_for()


def test_asking_and_opening_a_source(browser: Any, server: Server) -> None:
    with Visit(browser, server) as page:
        asked(page, LIST)
        assert "papers:" in page.inner_text("#turns") and "Answered from" in page.inner_text("#status")
        chip = page.locator(".chip").first
        chip.focus()
        page.keyboard.press("Enter")
        page.locator("#source mark").wait_for()
        quote = page.inner_text("#source mark")
        # The quote stands there at once, its abstract when that has come.
        page.wait_for_function("length => document.querySelector('#source-text').innerText.length > length", arg=len(quote))
        assert quote in page.inner_text("#source-text")
        page.keyboard.press("Escape")
        page.wait_for_function("document.activeElement.className === 'chip'")
        page.get_by_role("button", name="As a table").click()
        assert page.locator("table tbody tr").count() == page.locator("tbody .chip").count() > 1


def test_follow_ups_filters_and_refusals(browser: Any, server: Server) -> None:
    with Visit(browser, server) as page:
        asked(page, LIST)
        asked(page, "What does the second one find?")
        assert "Understood as" in page.inner_text("#turns > li:nth-child(2)")
        asked(page, "How much does a giraffe weigh?")
        assert "Closest papers" in page.inner_text("#turns > li:nth-child(3)")
        page.get_by_role("button", name="New conversation").click()
        assert page.locator("#turns > li").count() == 0
        page.locator("details summary").first.click()
        page.fill("input[name=year]", "nonsense")
        page.fill("#question", LIST)
        page.keyboard.press("Enter")
        page.locator("[role=alert]").wait_for()
        assert "not a year" in page.inner_text("[role=alert]")


def test_copying(browser: Any, server: Server) -> None:
    with Visit(browser, server) as page:
        asked(page, LIST)
        for name, begins in (("Markdown", "# what papers study grokking"), ("BibTeX", "@misc{")):
            page.get_by_role("button", name=f"Copy {name}").click()
            page.wait_for_function("document.getElementById('status').textContent.startsWith('Copied')")
            assert page.evaluate("navigator.clipboard.readText()").startswith(begins)
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save page").click()
        assert saved.value.suggested_filename == "papers.html"


def test_summing_up_and_the_map(browser: Any, server: Server) -> None:
    with Visit(browser, server) as page:
        page.get_by_role("tab", name="Ask").focus()
        page.keyboard.press("ArrowRight")
        page.fill("#subject", "pruning of neural networks")
        page.keyboard.press("Enter")
        page.locator("#summary .tools").wait_for(timeout=30_000)
        text = page.inner_text("#summary")
        assert "judged relevant" in text and page.locator("#summary .chip").count() > 3
        page.get_by_role("tab", name="Map").click()
        page.locator("#map .theme").first.wait_for(timeout=30_000)
        page.locator("#map button").first.click()
        page.locator("#summary .tools, #summary .error").first.wait_for(timeout=30_000)
        assert page.get_by_role("tab", name="Sum up").get_attribute("aria-selected") == "true"
    reply = httpx.get(f"{server.url}/map", timeout=60)
    assert reply.status_code == 200 and 'class="dot"' in reply.text and "<script" not in reply.text


def test_text_of_a_paper_is_only_text(browser: Any, server: Server) -> None:
    with Visit(browser, server) as page:
        asked(page, "what papers study marmalade?")
        assert "<script>" in page.inner_text("#turns") or "marmalade" in page.inner_text("#turns").lower()
        page.locator(".chip").first.click()
        page.locator("#source a").wait_for()
        assert page.locator("#source a").get_attribute("href").startswith("/paper/")
        assert page.title() == "Papers" and page.locator("#turns img, #turns script, #source img").count() == 0


def test_a_model_is_watched_as_it_writes(browser: Any, store: Path) -> None:
    import re

    def slowly(messages: Any) -> str:
        time.sleep(0.2)
        rows = re.findall(r"^\[(k[0-9a-f]+)\] (.+)$", messages[-1].content, re.MULTILINE)
        return " ".join(f"{text.rstrip('.')} [{key}]." for key, text in rows[:3]) + " Penguins always win at chess."

    assistant = Assistant(store, name="papers", model=ScriptedModel(slowly), options=Settings())
    with Server(assistant) as server, Visit(browser, server) as page:
        asked(page, "Why does weight decay matter for grokking?")
        text = page.inner_text("#turns")
        assert "Penguins" not in text and "removed" in text and page.locator("#turns p .chip").count() >= 2
        assert "written by scripted" in page.inner_text("#store")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    done = npm and subprocess.run([npm, "pack", "axe-core", "--silent"], cwd=folder, capture_output=True, timeout=120, check=False)
    packed = list(folder.glob("*.tgz"))
    if not done or not packed:
        pytest.skip("axe-core could not be had from npm")
    shutil.unpack_archive(packed[0], folder)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (768, "dark"), (1200, "light")])
def test_anyone_can_use_it(browser: Any, server: Server, axe: str, width: int, scheme: str) -> None:
    with Visit(browser, server, width, scheme) as page:
        page.evaluate(axe)
        check = "axe.run().then(found => found.violations.map(v => v.id + ': ' + v.nodes[0].html))"
        assert page.evaluate(check) == []
        asked(page, LIST)
        assert page.evaluate(check) == []
        page.locator(".chip").first.click()
        page.locator("#source mark").wait_for()
        assert page.evaluate(check) == []
        page.keyboard.press("Escape")
        page.get_by_role("tab", name="Map").click()
        page.locator("#map .theme").first.wait_for(timeout=30_000)
        assert page.evaluate(check) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_it_can_be_used_at_once(browser: Any, server: Server) -> None:
    taken = []
    for _ in range(5):
        with Visit(browser, server) as page:
            taken.append(page.evaluate("(t => t.domContentLoadedEventEnd - t.responseEnd)(performance.getEntriesByType('navigation')[0])"))
    # Milliseconds from the reply to a page whose script has run; the first visit fills the cache.
    assert sorted(taken)[2] <= 300


def test_the_page_is_light_and_guarded(server: Server) -> None:
    page = httpx.get(server.url)
    policy = page.headers["content-security-policy"]
    assert (
        "default-src 'none'" in policy and "script-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    )
    weight = sum(len(httpx.get(f"{server.url}{path}").content) for path in ("/", "/page/app.js", "/page/style.css"))
    assert weight <= 200_000 and "http" not in page.text.replace(server.url, "")
    for path in ("/page/../guard.py", "/page/%2e%2e/guard.py", "/page/missing.js"):
        assert httpx.get(f"{server.url}{path}").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/ask", {"question": 7}, 400),
        ("/api/ask", {"question": "x", "filters": {"year": "nonsense"}}, 400),
        ("/api/ask", {"question": "x", "before": "y"}, 400),
        ("/api/ask", [], 400),
        ("/api/summarize", {"topic": "x", "length": "huge"}, 400),
        ("/api/summarize", {}, 400),
    ],
)
def test_bad_requests_are_told(server: Server, path: str, body: Any, status: int) -> None:
    reply = httpx.post(f"{server.url}{path}", json=body)
    assert reply.status_code == status and reply.json()["error"]["message"]


def test_errors_in_a_stream_are_events(server: Server) -> None:
    for path, body in (("/api/ask", {"question": ""}), ("/api/summarize", {"topic": "of the"})):
        assert '"error"' in httpx.post(f"{server.url}{path}", json=body).text
    assert httpx.get(f"{server.url}/api/entry/nothing").status_code == 404


def test_the_command_starts_and_stops(store: Path, tmp_path: Path) -> None:
    done = run("serve", "--port", "70000", "--store", str(store), home=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
