/* The GPU lease in JupyterLab: an entry of the status bar, notices once each, and a dialog before the end.

   Asks the lab's own server (GET bitgoeul/lease) and nobody else. Times left are counted from the server's answer, so a
   wrong clock in the browser does no harm. */

const SEEN = "bitgoeul-lease-notices";
const LEVELS = ["info", "warning", "urgent"];
const HIDDEN = 60;
const AWAY = 20;
const INFO_STAYS = 20_000;

export const begin = async ({ app, translator, statusBar, shared, words, status, style }) => {
  const [{ Notification, Dialog, showDialog }, { ServerConnection }, { Widget }] = await Promise.all(
    ["@jupyterlab/apputils", "@jupyterlab/services", "@lumino/widgets"].map(shared),
  );
  const say = words(translator?.languageCode ?? document.documentElement.lang);
  document.head.append(element("link", { rel: "stylesheet", href: style }));
  const settings = app.serviceManager.serverSettings;
  const parts = { say, status, app, Notification, Dialog, showDialog, Widget };
  const item = statusBar ? new StatusItem(parts, statusBar) : null;
  new Watch(item, new Notices(parts), async (fresh) => {
    const address = `${settings.baseUrl}bitgoeul/lease${fresh ? "?fresh=1" : ""}`;
    const answer = await ServerConnection.makeRequest(address, {}, settings);
    if (!answer.ok) throw new Error(`the lab answers ${answer.status}`);
    return answer.json();
  }).ask();
};

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const openTab = (url) => window.open(url, "_blank", "noopener");

/** A moment `seconds` from now by this browser's clock, or null. */
const inSeconds = (seconds) => (seconds === null || seconds === undefined ? null : Date.now() + seconds * 1000);
const secondsTo = (moment) => (moment === null ? null : Math.max(0, (moment - Date.now()) / 1000));

/** The entry of the status bar: a link to the waiting room, or to the choice of hardware. */
class StatusItem {
  constructor({ say, status, Widget }, statusBar) {
    this.say = say;
    this.status = status;
    this.link = element("a", { target: "_blank", rel: "noopener", lang: say.lang });
    this.spoken = element("div", { className: "bitgoeul-lease-spoken", role: "status", lang: say.lang });
    this.spoken.setAttribute("aria-live", "polite");
    document.body.append(this.spoken);
    this.widget = new Widget();
    this.widget.id = "bitgoeul-lease";
    this.widget.addClass("bitgoeul-lease");
    this.widget.node.append(this.link);
    this.on = false;
    const place = { item: this.widget, align: "left", rank: 0, priority: 1, isActive: () => this.on };
    statusBar.registerStatusItem("@bitgoeul/lease:status", place);
  }

  show(state, left, turnLeft) {
    this.on = state.on;
    this.widget.setHidden(!state.on);
    if (!state.on) return;
    const { say } = this;
    const end = state.lease && state.notices.find((notice) => notice.id === `lease-${state.lease.id}-ends`);
    const ending = end && end.level !== "info";
    this.widget.node.dataset.state = ending ? "ending" : state.ticket && turnLeft !== null ? "turn" : "calm";
    const text = this.status(say, state, left, turnLeft);
    const place = state.lease || state.ticket ? say.toWaitingRoom : say.toHardware;
    this.link.textContent = text;
    this.link.title = [state.ticket?.reason[say.lang], place].filter(Boolean).join("\n");
    this.link.setAttribute("aria-label", `${text}. ${place}`);
    this.link.href = state.lease || state.ticket ? state.waiting_url : state.hardware_url;
    this.speak(state, text, turnLeft);
  }

  /** Say aloud what changed, but not every minute that passes. */
  speak({ lease, ticket }, text, turnLeft) {
    const what = JSON.stringify([lease?.id, ticket?.position, turnLeft !== null]);
    if (this.what !== undefined && this.what !== what) this.spoken.textContent = text;
    this.what = what;
  }
}

/** Notices: each once by its id, again when its level rises, gone when the server lists it no more. */
class Notices {
  constructor(parts) {
    Object.assign(this, parts);
    this.toasts = new Map();
  }

  show({ notices, waiting_url }, left) {
    this.waitingRoom = waiting_url;
    const seen = this.remembered();
    const now = {};
    for (const notice of notices) {
      const before = LEVELS.indexOf(seen[notice.id]);
      const level = LEVELS.indexOf(notice.level);
      now[notice.id] = LEVELS[Math.max(before, level)];
      if (level > before) this.tell(notice, left);
    }
    sessionStorage.setItem(SEEN, JSON.stringify(now));
    for (const id of this.toasts.keys()) if (!(id in now)) this.withdraw(id);
  }

  /** What this tab has shown of the notices that are listed still, level by id; it outlives a reload. Another tab tells
      on its own: this one may be out of sight. */
  remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(SEEN)) ?? {};
    } catch {
      return {};
    }
  }

  withdraw(id) {
    this.Notification.dismiss(this.toasts.get(id));
    this.toasts.delete(id);
  }

  tell(notice, left) {
    if (this.toasts.has(notice.id)) this.withdraw(notice.id);
    const { say } = this;
    this.toast(notice.id, notice[say.lang], notice.level === "info" ? "info" : "warning", notice.url);
    if (notice.level === "urgent") this.stand(say.endTitle(say.duration(left)), [notice[say.lang], say.endBody], notice.url, true);
  }

  /** A notice in the corner: a quiet one goes by itself, a loud one stays until it is closed. */
  toast(id, text, type, url) {
    const open = { label: this.opening(url), callback: () => openTab(url), displayType: "accent" };
    const how = { autoClose: type === "info" && INFO_STAYS, actions: url ? [open] : [] };
    this.toasts.set(id, this.Notification.emit(text, type, how));
  }

  opening(url) {
    return url === this.waitingRoom ? this.say.open : this.say.more;
  }

  /** The lab is gone: in the corner at once, and in the way when JupyterLab's own dialogs about it are closed. */
  end() {
    const { say, waitingRoom } = this;
    for (const id of this.toasts.keys()) this.withdraw(id);
    this.toast("ended", say.endedTitle, "error", waitingRoom);
    this.stand(say.endedTitle, [say.endedBody], waitingRoom, false);
  }

  /** Stand in the way: a dialog that ends by a button alone. Enter, struck by somebody who types, saves. */
  async stand(title, sentences, url, save) {
    const { say, app, Dialog } = this;
    const body = new this.Widget({ node: element("div", { className: "bitgoeul-lease-dialog", lang: say.lang }) });
    body.node.append(...sentences.map((sentence) => element("p", { textContent: sentence })));
    const buttons = [
      url && Dialog.createButton({ label: this.opening(url), accept: false, actions: ["open"] }),
      Dialog.createButton({ label: say.close, accept: false }),
      save && Dialog.createButton({ label: say.saveAll, accept: true, actions: ["save"] }),
    ].filter(Boolean);
    const chosen = await this.showDialog({ title, body, buttons, defaultButton: buttons.length - 1, hasClose: false });
    if (chosen.button.actions.includes("open")) openTab(url);
    if (chosen.button.actions.includes("save")) await this.saveAll();
  }

  async saveAll() {
    if (!this.app.commands.isEnabled("docmanager:save-all")) return;
    await this.app.commands.execute("docmanager:save-all");
    this.Notification.success(this.say.saved, { autoClose: INFO_STAYS });
  }
}

/** Asks, shows, and counts down between the answers. */
class Watch {
  constructor(item, notices, fetch) {
    Object.assign(this, { item, notices, fetch });
    this.state = { on: false };
    this.ends = this.turnEnds = this.timer = null;
    setInterval(() => this.draw(), 5000);
    document.addEventListener("visibilitychange", () => document.hidden || this.ask(true));
  }

  /** `fresh`: the person has come back to this tab, perhaps from the waiting room. */
  async ask(fresh = false) {
    clearTimeout(this.timer);
    if (this.asking) return;
    this.asking = true;
    let again = AWAY;
    try {
      this.state = await this.fetch(fresh);
      again = this.state.again;
      this.ends = inSeconds(this.state.lease?.left);
      this.turnEnds = inSeconds(this.state.ticket?.turn_left);
      this.draw();
      if (this.state.on) this.notices.show(this.state, secondsTo(this.ends));
    } catch (error) {
      if (this.ends !== null && secondsTo(this.ends) === 0) this.sayEnded();
      console.debug("@bitgoeul/lease:", error);
    } finally {
      this.asking = false;
    }
    if (document.hidden) again = this.ends || this.turnEnds || this.state.ticket ? Math.max(again, HIDDEN) : null;
    if (again !== null) this.timer = setTimeout(() => this.ask(), again * 1000);
  }

  draw() {
    this.item?.show(this.state, secondsTo(this.ends), secondsTo(this.turnEnds));
  }

  /** The lab is gone and its time is over: say so, once. */
  sayEnded() {
    this.ends = null;
    this.state = { ...this.state, on: false };
    this.draw();
    this.notices.end();
  }
}
