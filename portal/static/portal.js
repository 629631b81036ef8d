// What the pages gain where scripts run: busy buttons, live progress, countdowns, printing. Every page works without it.
(function () {
  "use strict";

  const streams = new Map();

  function follow(element) {
    if (streams.has(element)) return;
    const source = new EventSource(element.dataset.progress);
    streams.set(element, source);
    let last = element.dataset.told || null; // what the page was made of: news since then are news
    source.addEventListener("progress", function (event) {
      if (!element.isConnected) return forget(element);
      const counts = JSON.parse(event.data);
      for (const part of element.querySelectorAll("[data-value]")) {
        if (part instanceof HTMLProgressElement) {
          part.max = counts[part.dataset.max] || 1;
          part.value = counts[part.dataset.value];
        } else {
          part.textContent = counts[part.dataset.value];
        }
      }
      element.classList.add("following");
      if (last !== null && last !== event.data) {
        document.body.dispatchEvent(new CustomEvent("bitgoeul-progress"));
      }
      last = event.data;
    });
    source.addEventListener("error", function () {
      element.classList.remove("following");
      if (!element.isConnected) forget(element);
    });
  }

  // An attempt on its way: its place in the queue, then its phase; when it is done the page fetches itself anew.
  function followAttempt(element) {
    if (streams.has(element)) return;
    const words = element.dataset;
    const source = new EventSource(words.attempt);
    streams.set(element, source);

    function fill(text, values) {
      return text.replace(/%\((\w+)\)s/g, function (whole, name) { return values[name]; });
    }

    function span(seconds) {
      const minutes = Math.ceil(seconds / 60);
      const [count, one, many] = seconds <= 60 ? [seconds, words.second, words.seconds] : [minutes, words.minute, words.minutes];
      return fill(count === 1 ? one : many, { n: count });
    }

    function renew() {
      forget(element);
      document.body.dispatchEvent(new CustomEvent("bitgoeul-attempt"));
    }

    source.addEventListener("queued", function (event) {
      if (!element.isConnected) return forget(element);
      const { position, estimate_seconds: seconds, served } = JSON.parse(event.data);
      if (words.state !== "submitted") return renew();
      if (position === null) element.textContent = "";
      else if (!served) element.textContent = words.unserved;
      else if (seconds === null) element.textContent = fill(words.place, { position });
      else element.textContent = fill(words.placeAbout, { position, span: span(seconds) });
    });
    source.addEventListener("running", function (event) {
      if (!element.isConnected) return forget(element);
      if (words.state !== "marking") return renew();
      element.textContent = words[JSON.parse(event.data).phase] || "";
    });
    source.addEventListener("done", renew);
    source.addEventListener("failed", renew);
    source.addEventListener("error", function () {
      if (!element.isConnected) forget(element);
    });
  }

  // A time limit, told as what is left of it.
  const clocks = new Set();

  function tick() {
    for (const element of [...clocks]) {
      if (!element.isConnected) { clocks.delete(element); continue; }
      const left = Math.max(0, Math.round((new Date(element.dataset.countdown) - Date.now()) / 1000));
      element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    }
    if (clocks.size) setTimeout(tick, 1000);
  }

  function countDown(element) {
    const idle = clocks.size === 0;
    clocks.add(element);
    if (idle) tick();
  }

  // A form that the page sends by itself, once.
  function send(form) {
    if (form.dataset.submit === "sent") return;
    form.dataset.submit = "sent";
    form.requestSubmit();
  }

  function forget(element) {
    const source = streams.get(element);
    if (source) source.close();
    streams.delete(element);
  }

  function prepare(root) {
    for (const element of [...streams.keys()]) if (!element.isConnected) forget(element);
    for (const element of root.querySelectorAll("[data-progress]")) follow(element);
    for (const element of root.querySelectorAll("[data-attempt]")) followAttempt(element);
    for (const element of root.querySelectorAll("[data-countdown]")) countDown(element);
    for (const form of root.querySelectorAll("form[data-submit]")) send(form);
    for (const button of root.querySelectorAll("[data-print]")) {
      button.hidden = false;
      button.onclick = function () { window.print(); };
    }
  }

  document.addEventListener("submit", function (event) {
    const form = event.target;
    const button = event.submitter || form.querySelector("button");
    if (!button || event.defaultPrevented && !form.hasAttribute("hx-boost")) return;
    // after the form's data is taken: a disabled button's own value would not be sent
    setTimeout(function () {
      button.disabled = true;
      if (form.dataset.busy) {
        button.dataset.label = button.textContent;
        button.textContent = form.dataset.busy;
        button.setAttribute("aria-busy", "true");
      }
    });
  });

  function unbusy() {
    for (const button of document.querySelectorAll("button:disabled")) {
      button.disabled = false;
      button.removeAttribute("aria-busy");
      if (button.dataset.label) button.textContent = button.dataset.label;
    }
  }

  // a page that comes back from the browser's memory, or got no answer, must not keep its buttons busy
  window.addEventListener("pageshow", function (event) { if (event.persisted) unbusy(); });
  document.addEventListener("htmx:sendError", unbusy);

  document.addEventListener("htmx:load", function (event) { prepare(event.detail.elt.parentElement || document); });
  prepare(document);
})();
