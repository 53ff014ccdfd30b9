// News and alerts by server-sent events, one stream a page, closed while nobody looks at the page. Nothing that the
// reader looks at moves: new items wait behind a button until it is pressed, unless the list is at its top and nobody
// is reading in it; alerts are a number on the bell and a note that goes by itself.
"use strict";

(() => {
  if (!window.EventSource) return;

  // ---- the list of news of this page, where it has one

  const box = document.querySelector("[data-live]");
  const button = box && box.querySelector("[data-live-button]");
  const number = box && box.querySelector("[data-live-count]");
  const list = box && document.querySelector(box.dataset.liveList || "null-list");
  const waiting = [];
  let more = 0;

  const calm = () => !list || list.contains(document.activeElement) || window.scrollY > 40;

  function styles(holder) {
    for (const link of holder.querySelectorAll("link[rel=stylesheet]")) {
      const path = link.getAttribute("href");
      if (document.querySelector(`head link[href="${path}"]`)) link.remove();
      else document.head.append(link);
    }
  }

  function show() {
    for (const html of waiting.splice(0)) {
      const holder = document.createElement("template");
      holder.innerHTML = html;
      styles(holder.content);
      const row = holder.content.querySelector("[data-row]");
      const old = row && list.querySelector(`[data-id="${CSS.escape(row.dataset.id)}"]`);
      if (old) old.remove();
      if (row) list.prepend(row);
    }
    while (list.children.length > 60) list.lastElementChild.remove();
    const empty = document.querySelector("[data-live-empty]");
    if (empty && list.children.length) empty.hidden = true;
    tell();
  }

  function tell() {
    const n = waiting.length + more;
    button.hidden = n === 0;
    number.textContent = String(n);
    const count = n ? `(${n}) ` : "";
    document.title = count + document.title.replace(/^\(\d+\) /, "");
  }

  if (button) {
    button.addEventListener("click", () => {
      if (more || !list) location.reload();
      else { show(); window.scrollTo({ top: 0 }); }
    });
  }

  // ---- the bell in the header

  const bell = document.querySelector("[data-alerts]");
  const NOTE_STAYS = 15000; // milliseconds; longer while the pointer or the focus is in it
  let known = null; // null: the first count of a page is no news
  let leaving = 0;

  function ring(html) {
    const inside = bell.contains(document.activeElement);
    bell.innerHTML = html;
    const link = bell.querySelector("[data-alerts-total]");
    if (inside) link.focus();
    const total = Number(link.dataset.alertsTotal);
    if (known !== null && total > known) {
      const note = bell.querySelector("[data-alert-note]");
      note.hidden = false;
      window.foedusSay(link.getAttribute("aria-label"));
      clearTimeout(leaving);
      leaving = setTimeout(leave, NOTE_STAYS);
    }
    known = total;
  }

  function leave() {
    const note = bell.querySelector("[data-alert-note]");
    if (!note) return;
    if (note.matches(":hover, :focus-within")) leaving = setTimeout(leave, NOTE_STAYS);
    else note.hidden = true;
  }

  if (bell) {
    bell.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='/searches']");
      if (event.target.closest("[data-alert-close]")) {
        bell.querySelector("[data-alert-note]").hidden = true;
        bell.querySelector("[data-alerts-total]").focus();
      } else if (link && location.pathname === "/searches") { // it would only jump: what is new is not on the page yet
        event.preventDefault();
        location.reload();
      }
    });
    bell.addEventListener("keydown", (event) => {
      const note = bell.querySelector("[data-alert-note]");
      if (event.key === "Escape" && note) note.hidden = true;
    });
  }

  // ---- the stream

  const address = new URL(box ? box.dataset.live : "/live/alerts", location.href);
  let source = null;

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(address);
    const on = (name, then) => source.addEventListener(name, (event) => {
      if (event.lastEventId) address.searchParams.set("after", event.lastEventId);
      then(event);
    });
    on("arrival", (event) => {
      waiting.push(event.data);
      if (list && !calm() && !more) show(); else tell();
      window.foedusSay(box.dataset.liveSay);
    });
    on("many", (event) => { more += Number(event.data); tell(); });
    on("alerts", (event) => { if (bell) ring(event.data); });
    on("ended", () => {
      close();
      document.removeEventListener("visibilitychange", look);
      const note = document.getElementById("ended");
      note.querySelector("a").href = `/signin?next=${encodeURIComponent(location.pathname + location.search)}`;
      note.hidden = false;
    });
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  function look() {
    if (document.hidden) close(); else open();
  }

  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
})();
