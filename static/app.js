/* What scripts add to pages that work without them. No framework; nothing here is
   needed to see or to change anything. Listeners sit on the document, so that parts
   that htmx replaces need no care. */
"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const on = (type, handler, options) => document.addEventListener(type, handler, options);
  const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);
  const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window: forget */ } };

  /* ---- Toasts ---------------------------------------------------------------- */

  function say(text, tone = "neutral") {
    const box = document.createElement("div");
    box.className = "toast tone-" + tone;
    box.setAttribute("role", "status");
    const line = document.createElement("p");
    line.textContent = text;
    box.append(line);
    document.getElementById("toasts")?.append(box);
    leaveSoon(box, tone === "bad" ? 10000 : 4000);
  }

  // It stays while somebody is at it.
  function leaveSoon(box, after) {
    setTimeout(() => (box.matches(":hover, :focus-within") ? leaveSoon(box, after) : box.remove()), after);
  }

  // What a message says of a status is over when the page shows another one.
  on("htmx:after:swap", () => {
    const shown = document.querySelector("[data-testid=subscription-status] .badge")?.textContent.trim();
    for (const box of shown ? all("[data-toast][data-while]") : []) {
      if (box.dataset.while && box.dataset.while !== shown.split(" · ")[0]) box.remove();
    }
  });

  on("click", (e) => closest(e, "[data-dismiss]")?.closest("[data-toast]")?.remove());

  /* ---- Copying --------------------------------------------------------------- */

  async function copy(text, sign) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "visually-hidden";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) return say("The browser did not allow copying.", "bad");
    }
    sign?.classList.add("copied");
    setTimeout(() => sign?.classList.remove("copied"), 1400);
    say("Copied");
  }

  on("click", (e) => {
    const button = closest(e, "[data-copy]");
    if (button) copy(button.dataset.copy, button);
    const key = closest(e, ".json-key");
    if (key && !String(getSelection())) {
      e.preventDefault(); // the key may stand in a summary, which would fold
      copy(key.dataset.path, key);
    }
  });

  /* ---- Relative times -------------------------------------------------------- */

  // The server's clock counts: the browser's may be wrong.
  const skew = document.body.dataset.now ? Date.parse(document.body.dataset.now) - Date.now() : 0;

  function relative(ms) {
    const past = ms >= 0;
    const s = Math.floor(Math.abs(ms) / 1000);
    if (s < 5) return "just now";
    if (s > 31 * 86400) return null;
    const text = s < 60 ? s + " s" : s < 3600 ? Math.floor(s / 60) + " min" : s < 172800 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " days";
    return past ? text + " ago" : "in " + text;
  }

  function tick() {
    if (document.hidden) return;
    for (const time of all("time[data-relative]")) {
      const text = relative(Date.now() + skew - Date.parse(time.dateTime));
      if (text && text !== time.textContent) time.textContent = text;
    }
  }
  if (document.body.dataset.now) setInterval(tick, 10000);

  /* ---- Preferences: without leaving the page ---------------------------------- */

  function post(form, submitter) {
    return fetch(form.action, {
      method: "POST", credentials: "same-origin", redirect: "manual",
      body: new URLSearchParams(new FormData(form, submitter)),
    });
  }

  on("submit", (e) => {
    const form = e.target;
    if (form.matches("[data-theme-form]")) {
      e.preventDefault();
      post(form, e.submitter);
      const value = e.submitter.value;
      root.dataset.theme = value === "system" ? "" : value;
      const picked = e.submitter.querySelector(".icon");
      form.closest("details").querySelector("summary .icon")?.replaceWith(picked.cloneNode(true));
      const tickMark = form.querySelector("[aria-current] > span + .icon");
      for (const b of all("button", form)) b.removeAttribute("aria-current");
      e.submitter.setAttribute("aria-current", "true");
      if (tickMark) e.submitter.append(tickMark);
      form.closest("details").open = false;
    } else if (form.matches("[data-rail-form]")) {
      e.preventDefault();
      post(form, e.submitter);
      const narrow = document.body.classList.toggle("rail-narrow");
      e.submitter.value = narrow ? "wide" : "narrow";
      for (const link of all("a.rail-link")) {
        if (narrow) link.title = link.querySelector(".rail-label").textContent; else link.removeAttribute("title");
      }
      e.submitter.querySelector(".rail-label").textContent = narrow ? "Widen" : "Collapse";
    } else if (form.matches("[data-zone-form]")) {
      form.querySelector("[data-browser-zone]").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
    }
  });

  /* ---- Forms ----------------------------------------------------------------- */

  on("change", (e) => {
    const form = closest(e, "[data-autosubmit]");
    if (form && e.target.matches("select")) form.requestSubmit();
    const group = closest(e, ".group");
    if (group) countGroup(group);
  });

  // A form is sent once; coming back to the page makes it ready again.
  on("submit", (e) => {
    if (e.target.method !== "post" || e.defaultPrevented) return;
    if (e.target.dataset.sent) return e.preventDefault();
    e.target.dataset.sent = "yes";
  });
  const readyAgain = () => all("form[data-sent]").forEach((f) => delete f.dataset.sent);
  addEventListener("pageshow", readyAgain);
  on("htmx:finally:request", readyAgain);

  const showErrors = () => document.querySelector("[data-error-summary]:not([data-sample] *)")?.focus();
  on("htmx:after:swap", showErrors);
  showErrors();

  function countGroup(group) {
    const boxes = all("input[type=checkbox]:not(:disabled)", group);
    const checked = boxes.filter((b) => b.checked).length;
    group.querySelector("[data-count]").textContent = checked + " of " + all("input[type=checkbox]", group).length;
    const choose = group.querySelector("[data-check-all]"); // missing where nothing can be chosen
    if (choose) choose.textContent = checked === boxes.length ? "Select none" : "Select all";
  }

  on("click", (e) => {
    const button = closest(e, "[data-check-all]");
    if (!button) return;
    const group = button.closest(".group");
    const boxes = all("input[type=checkbox]:not(:disabled)", group);
    const check = !boxes.every((b) => b.checked);
    boxes.forEach((b) => { b.checked = check; });
    countGroup(group);
    boxes[0]?.dispatchEvent(new Event("change", { bubbles: true }));
  });

  on("input", (e) => {
    const find = closest(e, "[data-group-find]");
    if (!find) return;
    const wanted = find.value.trim().toLowerCase();
    let found = 0;
    for (const group of all(".group", find.closest("fieldset"))) {
      const whole = group.querySelector("summary").textContent.toLowerCase().includes(wanted);
      const options = all(".check", group);
      for (const option of options) option.hidden = !whole && !option.textContent.toLowerCase().includes(wanted);
      const left = options.filter((o) => !o.hidden).length;
      found += left;
      group.hidden = wanted !== "" && left === 0;
      group.open = wanted !== "" ? left > 0 : Boolean(group.querySelector(":checked"));
    }
    find.closest("fieldset").querySelector("[data-group-found]").textContent = wanted === "" ? "" : found === 1 ? "1 found" : found + " found";
  });
  on("keydown", (e) => { if (e.key === "Enter" && closest(e, "[data-group-find]")) e.preventDefault(); }); // it is no answer of the form

  // What is chosen and what is missing, beside the button that is always in sight.
  function tellState(form) {
    const line = form.querySelector("[data-form-state]");
    if (!line) return;
    const boxes = all("input[name=event]", form), kept = boxes.filter((b) => b.type === "hidden").length;
    const chosen = kept + boxes.filter((b) => b.checked).length;
    const missing = [chosen ? "" : "an event type", form.elements.namedItem("name").value.trim() ? "" : "a name"].filter(Boolean);
    line.textContent = chosen + " of " + boxes.length + " event types chosen." + (missing.length ? " Missing: " + missing.join(" and ") + "." : "");
  }
  for (const type of ["input", "change"]) on(type, (e) => { const form = closest(e, "form"); if (form) tellState(form); });

  /* ---- Tables ------------------------------------------------------------------ */

  // A table that is wider than its place scrolls by itself, with its head on top; one that fits scrolls with the page.
  function fitTables() {
    const frames = all(".table-frame:not(.table-fixed)").filter((f) => !f.closest(".chart-table"));
    frames.forEach((f) => f.classList.remove("fits"));
    const fitting = frames.filter((f) => f.scrollWidth <= f.clientWidth);
    fitting.forEach((f) => f.classList.add("fits"));
  }
  addEventListener("resize", fitTables);
  on("htmx:after:swap", fitTables);
  document.fonts.ready.then(fitTables);

  // One stop a row: what else can be pressed in it is reached with the arrows from there.
  const inRow = (row) => all("a[href], button, summary", row).filter((el) => el.checkVisibility());
  function calmRows() {
    for (const link of all(".row .row-link")) {
      for (const el of all("a[href], button, summary", link.closest(".row"))) if (el !== link && !el.closest(".menu-list")) el.tabIndex = -1;
    }
  }
  on("htmx:after:swap", calmRows);
  calmRows();

  on("keydown", (e) => {
    const row = (e.key === "ArrowRight" || e.key === "ArrowLeft") && !closest(e, ".menu-list") && closest(e, ".row");
    if (!row || !row.querySelector(".row-link")) return;
    const stops = inRow(row);
    const next = stops[stops.indexOf(document.activeElement) + (e.key === "ArrowRight" ? 1 : -1)];
    if (next) { e.preventDefault(); next.focus(); }
  });

  // Whoever comes back to a list finds the row that they opened.
  const opened = "opened-row";
  on("click", (e) => {
    const link = closest(e, ".row-link");
    if (link) try { sessionStorage.setItem(opened, location.pathname + " " + link.getAttribute("href")); } catch { /* private window: forget */ }
  });
  function findOpened() {
    let list, href;
    try { [list, href] = (sessionStorage.getItem(opened) ?? "").split(" "); } catch { /* private window */ }
    const link = list === location.pathname && all(".row-link").find((a) => a.getAttribute("href") === href);
    if (!link) return;
    sessionStorage.removeItem(opened);
    showRow(link);
  }
  const fromBelow = (from) => from.startsWith(location.origin + "/") && new URL(from).pathname.startsWith(location.pathname + "/");
  const cameBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  addEventListener("pageshow", (e) => { if (e.persisted || cameBack || fromBelow(document.referrer)) findOpened(); });

  // The whole row comes into view, below what is stuck to the top.
  function showRow(link) {
    link.focus({ preventScroll: true });
    link.closest(".row").scrollIntoView({ block: "nearest" });
  }

  /* ---- Menus and dialogs ------------------------------------------------------ */

  const openMenus = () => all("details[data-menu][open]");

  on("click", (e) => openMenus().forEach((menu) => { if (!menu.contains(e.target)) menu.open = false; }));
  on("focusin", (e) => openMenus().forEach((menu) => { if (!menu.contains(e.target)) menu.open = false; }));
  on("keydown", (e) => {
    const menu = closest(e, "details[data-menu]");
    if (!menu) return;
    const items = all(".menu-item", menu);
    const at = items.indexOf(document.activeElement);
    if (e.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      menu.open = true;
      items.at((at + (e.key === "ArrowDown" ? 1 : Math.max(at, 0) - at - 1)) % items.length)?.focus();
    }
  });

  on("click", (e) => {
    const opener = closest(e, "[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog?.showModal) {
      e.preventDefault();
      openMenus().forEach((m) => { m.open = false; });
      dialog.showModal();
    }
    if (e.target instanceof HTMLDialogElement && e.target.open) e.target.close(); // the veil
  });

  /* ---- Tips -------------------------------------------------------------------- */

  const tip = document.createElement("div");
  tip.className = "tipbox";
  tip.setAttribute("popover", "manual");
  document.body.append(tip);
  let tipped = null;

  function showTip(el) {
    if (el === tipped) return;
    hideTip();
    // The browser's own tip would show as well, so the title moves while ours is up.
    const text = el.getAttribute("title") ?? el.textContent.trim();
    if (!text) return;
    if (el.hasAttribute("title")) {
      el.dataset.tip = text;
      el.removeAttribute("title");
    }
    tipped = el;
    tip.textContent = text;
    tip.showPopover?.();
    const box = el.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const above = box.top > own.height + 10;
    tip.style.left = Math.max(8, Math.min(box.left + box.width / 2 - own.width / 2, innerWidth - own.width - 8)) + "px";
    tip.style.top = (above ? box.top - own.height - 6 : box.bottom + 6) + "px";
  }

  function hideTip() {
    if (!tipped) return;
    if (tipped.dataset.tip) tipped.setAttribute("title", tipped.dataset.tip);
    delete tipped.dataset.tip;
    tipped = null;
    tip.hidePopover?.();
  }

  // What is cut off is told whole.
  const cut = (el) => { const c = el.closest(".table :is(td, th), .row-link, .about-text, .org-name"); return c && c.scrollWidth > c.clientWidth + 1 ? c : null; };
  const tipOf = (el) => el.closest("[title]") || (el.matches(".row-link") ? el.querySelector("[title]") : null) || cut(el);
  on("pointerover", (e) => {
    if (e.pointerType === "touch" || !(e.target instanceof Element)) return;
    const el = tipOf(e.target);
    if (el) showTip(el); else if (tipped && !tipped.contains(e.target)) hideTip();
  });
  on("focusin", (e) => { const el = e.target.matches(":focus-visible") && tipOf(e.target); if (el) showTip(el); else hideTip(); });
  on("focusout", hideTip);
  on("keydown", (e) => { if (e.key === "Escape") hideTip(); }, true);
  on("scroll", hideTip, true);

  /* ---- JSON tree ---------------------------------------------------------------- */

  on("click", (e) => {
    const button = closest(e, "[data-fold]");
    if (!button) return;
    const folds = all("[data-json] details", button.closest(".payload"));
    folds.forEach((d, i) => { d.open = button.dataset.fold === "open" || i === 0; });
  });

  function unfoldTarget() {
    const line = /^#L\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!line) return;
    for (let d = line.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    line.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", unfoldTarget);
  unfoldTarget();

  /* ---- Finding in a payload -------------------------------------------------------- */

  // Matches are painted over the text, which stays as it is.
  const maxFound = 2000;
  let found = { box: null, ranges: [], at: -1 };

  function matches(box, wanted) {
    const ranges = [];
    const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT, (n) =>
      n.parentElement.closest(".json-folded, .json-punct, .visually-hidden") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    while (texts.nextNode() && ranges.length < maxFound) {
      const text = texts.currentNode.data.toLowerCase();
      for (let at = text.indexOf(wanted); at >= 0 && ranges.length < maxFound; at = text.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(texts.currentNode, at);
        range.setEnd(texts.currentNode, at + wanted.length);
        ranges.push(range);
      }
    }
    return ranges;
  }

  function paintFound() {
    if (!globalThis.Highlight) return;
    CSS.highlights.set("found", new Highlight(...found.ranges));
    const now = found.ranges[found.at];
    if (now) CSS.highlights.set("found-now", Object.assign(new Highlight(now), { priority: 1 })); else CSS.highlights.delete("found-now");
  }

  function showFound(step) {
    const count = found.ranges.length;
    found.at = count ? (found.at + step + count) % count : -1;
    const word = found.box.closest(".find").querySelector("[data-find-count]");
    word.textContent = found.box.value.trim() === "" ? "" : count ? found.at + 1 + " of " + count + (count === maxFound ? "+" : "") : "None";
    found.box.closest(".find").classList.toggle("find-none", word.textContent === "None");
    paintFound();
    const place = found.ranges[found.at]?.startContainer.parentElement;
    for (let d = place?.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    if (place) {
      const box = found.ranges[found.at].getBoundingClientRect();
      if (box.top < 140 || box.bottom > innerHeight - 40) scrollBy({ top: box.top - innerHeight / 2 });
    }
  }

  on("input", (e) => {
    const box = closest(e, "[data-find]");
    if (!box) return;
    const text = box.closest(".payload").querySelector("[data-json], .raw");
    const wanted = box.value.trim().toLowerCase();
    found = { box, ranges: wanted && text ? matches(text, wanted) : [], at: -1 };
    showFound(1);
  });

  on("keydown", (e) => {
    const box = closest(e, "[data-find]");
    if (!box) return;
    if (e.key === "Enter" && found.box === box) {
      e.preventDefault();
      showFound(e.shiftKey ? -1 : 1);
    } else if (e.key === "Escape") {
      e.preventDefault();
      if (box.value === "") return box.blur();
      box.value = "";
      box.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });

  /* ---- Live lists ---------------------------------------------------------------- */

  // A list stands still until somebody lets it go live; live=1 in the address says so. Standing still, it counts what
  // came. Live, it waits by itself while a person reads, and catches up afterwards.
  const words = { live: "Live", still: "Not live", paused: "Paused", connecting: "Connecting", "catching up": "Catching up", offline: "Reconnecting" };
  const liveBox = () => document.querySelector("[data-live]");
  const live = { held: liveBox()?.dataset.live === "off", waiting: false, seen: false, counting: 0 };

  function setLive(state) {
    const box = liveBox();
    if (!box || box.dataset.state === state) return;
    box.dataset.state = state;
    box.querySelector("[data-live-word]").textContent = words[state];
    const button = box.querySelector("[data-live-toggle]");
    button.textContent = live.held ? "Go live" : state === "paused" ? "Resume" : "Pause";
    button.setAttribute("aria-pressed", String(!live.held));
  }

  on("scroll", () => liveBox()?.classList.toggle("live-away", scrollY > 120));

  const settle = () => setLive(live.held ? "still" : live.waiting ? "paused" : "live");

  // Rows never move under what a person is doing.
  const reading = () => scrollY > 160 || openMenus().length > 0 || String(getSelection()).length > 0 ||
    Boolean(document.querySelector("dialog[open]")) || Boolean(document.activeElement?.closest(".row"));

  function refreshLive() {
    const box = liveBox();
    if (!box) return;
    live.waiting = false;
    const bar = document.querySelector("[data-live-new]");
    if (bar) bar.hidden = true;
    setLive("catching up");
    box.querySelector("[data-live-refresh]").dispatchEvent(new CustomEvent("live:refresh"));
  }

  // What came is counted by the server, at most once a second.
  function countWaiting() {
    const box = liveBox(), bar = document.querySelector("[data-live-new]");
    if (!bar || live.counting) return;
    live.counting = setTimeout(() => {
      live.counting = 0;
      if (!live.waiting) return;
      const since = document.querySelector(box.dataset.target)?.dataset.newest || "none";
      htmx.ajax("GET", bar.dataset.count + encodeURIComponent(since), { target: "[data-live-new]", swap: "outerHTML" });
    }, bar.hidden ? 0 : 1000);
  }

  function arrived() {
    if (!live.held && !reading()) return refreshLive();
    live.waiting = true;
    settle();
    countWaiting();
  }

  function catchUp() {
    if (live.waiting && !live.held && !reading()) refreshLive();
  }
  for (const done of ["scroll", "selectionchange", "focusout", "toggle"]) on(done, () => setTimeout(catchUp, 300), true);

  on("htmx:sse:before:message", (e) => {
    const box = closest(e, "[data-live]");
    if (box && box.dataset.event.split(" ").includes(e.detail.message.event)) arrived();
  });
  // While the connection was lost, something may have come.
  on("htmx:sse:after:connection", () => { settle(); if (live.seen) arrived(); live.seen = true; });
  on("htmx:sse:error", () => setLive("offline"));
  on("htmx:sse:close", () => setLive("offline"));
  on("htmx:finally:request", (e) => { if (closest(e, "[data-live-refresh]")) settle(); });

  function goLive(wanted) {
    live.held = !wanted;
    const address = new URL(location.href);
    if (wanted) address.searchParams.set("live", "1"); else address.searchParams.delete("live");
    history.replaceState(history.state, "", address);
    if (wanted) refreshLive(); else settle();
  }

  on("click", (e) => {
    if (closest(e, "[data-live-toggle]")) {
      if (!live.held && liveBox().dataset.state === "paused") refreshLive(); else goLive(live.held);
    } else if (closest(e, "[data-live-new]")) {
      e.preventDefault();
      scrollTo({ top: 0 });
      refreshLive();
    }
  });

  on("htmx:response:error", () => say("That did not work. Reload the page and try again.", "bad"));
  on("htmx:error", () => say("No answer from the server.", "bad"));

  /* ---- Keyboard ------------------------------------------------------------------ */

  let afterG = 0;
  const singleKeys = () => remembered("single-keys") !== "off";
  for (const box of all("[data-keys-switch]")) {
    box.checked = singleKeys();
    box.addEventListener("change", () => remember("single-keys", box.checked ? "on" : "off"));
  }

  function moveRow(step) {
    const rows = all(".row-link");
    const at = rows.indexOf(document.activeElement?.closest(".row")?.querySelector(".row-link"));
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    if (next) showRow(next);
  }

  function nextMode() {
    const modes = all(".payload-bar .tab");
    return modes[(modes.findIndex((m) => m.getAttribute("aria-current")) + 1) % modes.length];
  }

  const keys = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    "?": () => document.getElementById("shortcuts")?.showModal(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    y: () => (document.activeElement?.closest(".row, .pair, .id") || document).querySelector("[data-copy]")?.click(),
    c: () => document.querySelector("[data-copy-as='Copy curl']")?.click(),
    v: () => nextMode()?.click(),
    r: () => location.reload(),
    o: () => { const link = document.activeElement?.closest(".row")?.querySelector(".row-link"); if (link) open(link.href, "_blank", "noopener"); },
    f: () => document.querySelector("[data-find]")?.focus(),
    "[": () => document.querySelector("a[rel=prev]")?.click(),
    "]": () => document.querySelector("a[rel=next]")?.click(),
    l: () => document.querySelector("[data-live-toggle]")?.click(),
  };

  on("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || !singleKeys()) return;
    if (closest(e, "input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) {
      if (e.key === "Escape" && e.target.matches("[data-search]")) e.target.blur();
      return;
    }
    if (e.timeStamp - afterG < 1500) {
      afterG = 0;
      const room = document.querySelector(`[data-go="${CSS.escape(e.key)}"]`);
      if (room) { e.preventDefault(); room.click(); return; }
    }
    if (e.key === "g") { afterG = e.timeStamp; return; }
    if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
  });

  // What the server says and has gone wrong, or has a link to follow, stays until it is dismissed.
  for (const box of all(".toasts > [data-toast]")) {
    if (!box.classList.contains("tone-bad") && !box.querySelector("a")) leaveSoon(box, 8000);
  }
})();
