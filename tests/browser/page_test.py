"""Looks at the status page in a real browser. run.sh starts it and says where everything is."""

import base64
import contextlib
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

GATEWAY = os.environ["GATEWAY"]
ADMIN = os.environ["ADMIN"]
GUARDED = os.environ["GUARDED"]
TOKEN = os.environ["TOKEN"]
PICTURES = Path(os.environ["PICTURES"])
RUN = os.environ["TOKEN"].replace("operators-", "page-")
IN_PAGE = Path(__file__).with_name("in_page.js").read_text(encoding="utf-8")
# The figures that a page must show whatever else it shows.
NEEDED = {
    "requests", "hits", "collapsed", "forwarded", "refused", "upstream_requests",
    "upstream_calls_saved", "stored_responses", "stored_bytes", "evictions",
}
# Of the browser's own pages, such as that of a new tab, and of pictures inside a page.
OWN = {"chrome", "about", "data"}
PATIENCE = 20

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
failed = 0


def check(name, wrong=None):
    """One line: ok, or FAILED and what is wrong."""
    global failed
    failed += bool(wrong)
    print(f"FAILED   {name}: {wrong}" if wrong else f"ok       {name}", flush=True)


@contextlib.contextmanager
def part(name):
    """What breaks off fails under this name, and the next part goes on."""
    try:
        yield
    except Exception as error:  # whatever it was, the run has to go on and to say so
        check(name, f"{type(error).__name__}: {str(error).splitlines()[:1]}")


def unless(holds, words):
    return None if holds else words


def until(holds, patience=PATIENCE):
    """The first true answer of `holds`, or its last."""
    end = time.monotonic() + patience
    while not (answer := holds()) and time.monotonic() < end:
        time.sleep(0.1)
    return answer


def stats():
    with direct.open(f"{ADMIN}/stats", timeout=10) as answer:
        return json.load(answer)


def read(ticket):
    """Reads a ticket through the gateway; the answer's Cache-Status."""
    headers = {"Authorization": f"Bearer {RUN}"}
    asked = urllib.request.Request(f"{GATEWAY}/v2/support-tickets/{ticket}", headers=headers)
    with direct.open(asked, timeout=10) as answer:
        answer.read()
        return answer.headers.get("Cache-Status", "")


def stored(ticket):
    """Brings a ticket into the store. A purge may hinder the first try: its mark is later."""
    return until(lambda: "; hit" in read(ticket))


# ---- The browser ---------------------------------------------------------------------------------


def open_browser():
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ["BROWSER"]
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync",
        "disable-dev-shm-usage", "no-proxy-server", "hide-scrollbars", "window-size=1440,900",
        f"user-data-dir={os.environ['PROFILE']}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Service(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=driver)
    browser.set_page_load_timeout(30)
    browser.set_script_timeout(30)
    note = "addEventListener('securitypolicyviolation', e => (window.broken ??= []).push(e.blockedURI + ' ' + e.violatedDirective))"
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": note})
    return browser


browser = open_browser()


def run(expression, *arguments):
    return browser.execute_script(f"{IN_PAGE}\nreturn {expression};", *arguments)


def find(name):
    return browser.find_element(By.ID, name)


def text(name):
    return run("document.getElementById(arguments[0]).textContent", name)


def shown(name):
    return run("!!document.getElementById(arguments[0])?.getClientRects().length", name)


def press(*keys):
    ActionChains(browser).send_keys(*keys).perform()


def updated():
    return run("document.documentElement.dataset.statsAt")


def next_update():
    before = updated()
    return until(lambda: updated() != before)


def complaints():
    """Errors and warnings of the console since the last time, and broken rules of the page's."""
    entries = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    return [entry["message"][:200] for entry in entries] + (run("window.broken") or [])


def asked_elsewhere(*origins):
    """Addresses that the browser asked for since the last time, of other origins than these."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    parts = [urllib.parse.urlsplit(url) for url in urls]
    assert parts, "no request was seen at all"
    return [url.geturl()[:100] for url in parts if url.scheme not in OWN and f"{url.scheme}://{url.netloc}" not in origins]


def colours(scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def screen(width, height, mobile=False):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    time.sleep(0.3)  # the charts are drawn anew when their size has changed


def picture(name):
    until(lambda: not shown("silence"))  # a busy machine may have kept the gateway from answering
    size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    asked = {"captureBeyondViewport": True, "clip": clip}
    png = base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", asked)["data"])
    (PICTURES / f"{name}.png").write_bytes(png)
    return len(png)


# ---- What is checked -----------------------------------------------------------------------------


def loads():
    browser.get(f"{ADMIN}/")
    check("the page shows figures", unless(until(updated), "none within its time"))
    next_update()
    check("no complaint in the console", complaints())
    check("no request to another origin", asked_elsewhere(ADMIN))
    stored_there = run("[document.cookie, localStorage.length, sessionStorage.length].join()")
    check("nothing is kept in the browser", unless(stored_there == ",0,0", stored_there))


def figures_agree():
    """The page against two looks at /stats that agree, so that nothing happened between them."""
    told = {}

    def agree():
        before, page, after = stats(), run("figures()"), stats()
        told.clear()
        told.update({key: (value, after.get(key)) for key, value in page.items() if value != after.get(key)})
        told.update({key: "not shown" for key in NEEDED - page.keys()})
        if any(before.get(key) != after.get(key) for key in page):
            told["stats"] = "never stood still"
        return not told

    until(agree, 60)
    check("the figures are those of /stats", told)


def follows():
    before = run("figures()")
    for n in range(60):
        read(f"{RUN}_{n % 12}")
    expected = before["requests"] + 60

    def followed():
        now = run("figures()")
        return now["requests"] >= expected and now["hits"] > before["hits"]

    check("it follows what passes through the gateway", unless(until(followed), run("figures()")))
    wrong = run("[...document.querySelectorAll('.key')].map(node => node.textContent).filter(words => !words)")
    check("no key figure is empty", wrong)


def purges_one():
    ticket, other = f"{RUN}_purged", f"{RUN}_kept"
    there = stored(ticket) and stored(other)
    find("purge-id").send_keys(ticket, Keys.ENTER)
    said = until(lambda: "is purged" in text("purge-said"))
    check("a ticket is purged, and the page says so", unless(there and said, text("purge-said")))
    status = read(ticket)
    check("the next read of it is a miss", unless("; fwd=" in status, status))
    status = read(other)
    check("another ticket is still answered from memory", unless("; hit" in status, status))


def refuses_wrong_ids():
    for wrong in ("no/id", "x" * 129, ""):
        find("purge-id").send_keys(Keys.BACKSPACE, wrong, Keys.ENTER)
        said = until(lambda: "no ticket id" in text("purge-said"), 3)
        invalid = run("document.getElementById('purge-id').getAttribute('aria-invalid')")
        name = f"a wrong id of {len(wrong)} letters is refused with words"
        check(name, unless(said and invalid == "true", text("purge-said")))


def tab_to(name):
    """Presses Tab until the element has the focus. Names those that had it without showing it."""
    unseen = []
    for _ in range(40):
        press(Keys.TAB)
        focus, outline = run("[document.activeElement.id || document.activeElement.className || document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]")
        if outline == "none":
            unseen.append(focus)
        if focus == name:
            return unseen
    return [f"never reached {name}"]


def works_by_keyboard():
    browser.get(f"{ADMIN}/")
    until(lambda: updated() and int(run("document.querySelector('.plot').getAttribute('aria-valuemax')")) > 0)
    wrong = tab_to("plot")
    first = run("document.activeElement.getAttribute('aria-valuetext')")
    press(Keys.ARROW_LEFT)
    moved = run("document.activeElement.getAttribute('aria-valuetext')")
    marks = run("document.querySelectorAll('.plot .cursor').length")
    check("arrow keys read a chart out", unless(first != moved and marks == 3, [first, moved, marks]))
    ticket = f"{RUN}_by_keyboard"
    there = stored(ticket)
    wrong += tab_to("purge-id")
    press(ticket, Keys.ENTER)
    said = until(lambda: ticket in text("purge-said")) and "; fwd=" in read(ticket)
    check("a ticket is purged by keyboard alone", unless(there and said, text("purge-said")))

    there = stored(ticket)
    wrong += tab_to("purge-all")
    press(Keys.ENTER)
    harmless = run("document.activeElement.id")
    press(Keys.ESCAPE)
    closed = not shown("sure") and run("document.activeElement.id") == "purge-all"
    right = harmless == "sure-no" and closed
    check("purging everything is asked about first, and Escape says no", unless(right, harmless))
    status = read(ticket)
    press(Keys.ENTER)
    wrong += tab_to("sure-yes")
    press(Keys.ENTER)
    said = until(lambda: "Everything is purged" in text("purge-said"))
    after = read(ticket)
    right = there and said and "; hit" in status and "; fwd=" in after
    check("everything is purged by keyboard alone", unless(right, [status, text("purge-said"), after]))
    wrong += tab_to("SUMMARY")
    press(Keys.ENTER)
    rows = run("[...document.querySelectorAll('#settings tbody tr')].filter(row => row.getClientRects().length).length")
    check("the settings open by keyboard", unless(rows > 20, f"{rows} rows"))
    check("whatever has the focus shows it", wrong)
    check("no complaint in the console after all this", complaints())


def is_accessible():
    run("document.querySelector('details').open = true, 0")
    check("everything has a name, headings are in order", run("namesAndOrder()"))
    grounds = []
    for scheme in ("light", "dark"):
        colours(scheme)
        time.sleep(0.3)  # buttons change their colour slowly
        check(f"text has contrast, {scheme}", run("textContrast()"))
        grounds.append(run("getComputedStyle(document.body).backgroundColor"))
    check("light and dark differ", unless(grounds[0] != grounds[1], grounds))
    run("document.querySelector('details').open = false, 0")


def fits_screens():
    for n in range(120):
        read(f"{RUN}_{n % 24}")
    next_update()
    for scheme in ("light", "dark"):
        colours(scheme)
        time.sleep(0.3)
        check(f"a picture, {scheme}", unless(picture(f"wide-{scheme}") > 20_000, "it is empty"))
    colours("light")
    screen(360, 740, mobile=True)
    check("a picture, on a telephone", unless(picture("phone") > 20_000, "it is empty"))
    for width in (360, 768, 1024):
        screen(width, 740, mobile=width < 400)
        run("document.querySelector('details').open = true, document.getElementById('sure').hidden = false, 0")
        check(f"nothing is wider than a screen of {width}", run("widerThan(arguments[0])", width))
    screen(1440, 900)


def says_when_alone():
    """The browser is cut off from the gateway, and let to it again."""
    browser.execute_cdp_cmd("Network.enable", {})
    cut = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", cut)
    said = until(lambda: shown("silence") and "does not answer" in text("silence-words"))
    check("it says that the gateway does not answer", unless(said, text("silence-words")))
    check("and calls it by no better name", unless(text("state") == "No figures", text("state")))
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**cut, "offline": False})
    find("again").click()
    back = until(lambda: not shown("silence"))
    check("it recovers", unless(back and next_update(), text("silence-words")))
    complaints()  # the browser's own, of the requests that were cut off


def rests_when_hidden():
    """A browser without a window hides no tab by itself: the page is told that it is hidden."""
    tell = (
        "Object.defineProperty(document, 'hidden', {configurable: true, get: () => arguments[0]}),"
        "document.dispatchEvent(new Event('visibilitychange')), 0"
    )
    browser.get(f"{ADMIN}/")
    until(updated)
    run(tell.replace("arguments[0]", "true"))
    time.sleep(1)  # a question that is under way may still be answered
    before = updated()
    time.sleep(5)
    check("a hidden page rests", unless(updated() == before, "it asked"))
    run(tell.replace("arguments[0]", "false"))
    check("in sight again, it asks at once", unless(until(lambda: updated() != before, 3), "it does not"))


def pauses():
    find("pause").click()
    time.sleep(1)
    before = updated()
    time.sleep(3)
    check("it pauses when told to", unless(updated() == before, "it asked"))
    find("pause").click()
    check("and goes on when told to", unless(until(lambda: updated() != before, 3), "it does not"))


def asks_for_the_token():
    status = None
    try:
        direct.open(f"{GUARDED}/stats", timeout=10)
    except urllib.error.HTTPError as error:
        status = error.code
    check("without a token /stats is 401", unless(status == 401, status))
    browser.get(f"{GUARDED}/")
    check("without a token there is a form", unless(until(lambda: shown("token")), "there is none"))
    check("and no figures", unless(not shown("figures") and not updated(), run("figures()")))
    picture("token")
    # The form has the focus: the token is typed at once, as a person would.
    press("wrong", Keys.ENTER)
    said = until(lambda: "does not accept" in text("token-said"))
    check("a wrong token is said to be wrong", unless(said and not shown("figures"), text("token-said")))
    press("two words", Keys.ENTER)
    said = until(lambda: "one word" in text("token-said"), 3)
    check("what is no token is said to be none", unless(said, text("token-said")))
    press(TOKEN, Keys.ENTER)
    right = until(lambda: shown("figures") and updated()) and not shown("token")
    check("the right token shows the figures", unless(right, text("token-said")))
    check("and goes on doing so", unless(next_update(), "no further update"))
    find("purge-id").send_keys("guarded_1", Keys.ENTER)
    said = until(lambda: "is purged" in text("purge-said"))
    check("a purge carries the token", unless(said, text("purge-said")))
    kept = run("[document.cookie, localStorage.length, sessionStorage.length, location.href].join()")
    clean = kept.startswith(",0,0,") and TOKEN not in run("document.documentElement.outerHTML") + kept
    check("the token is kept nowhere", unless(clean, "it is"))
    check("no complaint but the 401s", [words for words in complaints() if "401" not in words])
    check("no request to another origin, guarded", asked_elsewhere(ADMIN, GUARDED))
    browser.refresh()
    check("loaded anew, it asks again", unless(until(lambda: shown("token")), "it does not"))


try:
    for look in (
        loads, figures_agree, follows, purges_one, refuses_wrong_ids, works_by_keyboard,
        is_accessible, fits_screens, says_when_alone, rests_when_hidden, pauses,
        asks_for_the_token,
    ):
        with part(look.__name__.replace("_", " ")):
            look()
finally:
    browser.quit()
print(f"{failed} failed" if failed else "all is well")
sys.exit(bool(failed))
