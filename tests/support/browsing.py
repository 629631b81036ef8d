"""A real browser for tests of pages: signed in, in one language, on one screen; and what can be measured of a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from portal_site import Site

OUTPUT = Path(__file__).resolve().parents[2] / "test-output" / "portal"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = {
    "ko-desktop": ("ko", DESKTOP, "light"),
    "ko-phone": ("ko", PHONE, "light"),
    "en-desktop": ("en", DESKTOP, "light"),
    "en-phone-dark": ("en", PHONE, "dark"),
}
CONTRAST = """() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || (c.length === 4 && c[3] === 1)) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(".hidden, .skip")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""
NAMELESS = """() => [...document.querySelectorAll("input:not([type=hidden]), select, button, a, iframe, svg")]
  .filter((e) => !(e.labels && e.labels.length) && !e.textContent.trim() && !e.title && !e.ariaLabel && !e.ariaHidden)
  .map((e) => e.outerHTML.slice(0, 120))"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def open_browser(
    browser: Browser, site: Site, who: str, *, locale: str = "ko", script: bool = True, **options: object
) -> BrowserContext:
    """A browser window that is signed in as `who`."""
    language = {"ko": "ko-KR", "en": "en-GB"}[locale]
    context = browser.new_context(locale=language, java_script_enabled=script, **options)
    context.set_default_timeout(10_000)
    cookies = site.cookies(who, locale)
    context.add_cookies([{"name": name, "value": value, "url": site.origin} for name, value in cookies.items()])
    return context


def listen(page: Page) -> list[str]:
    """What the browser complains of while it shows the page, as it comes."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def look_at(page: Page, locale: str) -> list[str]:
    """What is measurably wrong with the page."""
    faults = []
    if (beyond := page.evaluate("document.documentElement.scrollWidth - window.innerWidth")) > 0:
        faults.append(f"is {beyond} pixels wider than the screen")
    if page.evaluate("document.documentElement.lang") != locale:
        faults.append("is marked as another language")
    if (headings := page.locator("h1").count()) != 1:
        faults.append(f"has {headings} main headings")
    for landmark in ("header", "main", "footer"):
        if page.locator(f"body > {landmark}").count() != 1:
            faults.append(f"has no {landmark}")
    faults += [f"has something without a name: {element}" for element in page.evaluate(NAMELESS)]
    faults += [f"has text that is hard to read: {text}" for text in page.evaluate(CONTRAST)]
    return faults
