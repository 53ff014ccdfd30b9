// News by server-sent events. Nothing that the reader looks at moves: new items wait behind a button until it is
// pressed, unless the list is at its top and nobody is reading in it.
"use strict";

(() => {
  const box = document.querySelector("[data-live]");
  if (!box || !window.EventSource) return;
  const button = box.querySelector("[data-live-button]");
  const number = box.querySelector("[data-live-count]");
  const list = document.querySelector(box.dataset.liveList || "null-list");
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

  button.addEventListener("click", () => {
    if (more || !list) location.reload();
    else { show(); window.scrollTo({ top: 0 }); }
  });

  const source = new EventSource(box.dataset.live);
  source.addEventListener("arrival", (event) => {
    waiting.push(event.data);
    if (list && !calm() && !more) show(); else tell();
    window.foedusSay(box.dataset.liveSay);
  });
  source.addEventListener("many", (event) => { more += Number(event.data); tell(); });
  addEventListener("pagehide", () => source.close());
})();
