// The frame: shortcuts, moving through results, copying, colours. Every page works without it.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const typing = (node) => node.closest("input, textarea, select, [contenteditable]") !== null;

  // Words for a screen reader, without moving the focus.
  window.foedusSay = (text) => { const place = byId("say"); if (place) place.textContent = text; };

  // Results: j and k move, Enter opens (the title has the focus, so Enter is the browser's own).
  const rows = () => [...document.querySelectorAll("[data-row]")];
  function move(step) {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const next = all[Math.max(0, Math.min(all.length - 1, now < 0 ? 0 : now + step))];
    all.forEach((row) => row.removeAttribute("aria-selected"));
    next.setAttribute("aria-selected", "true");
    const link = next.querySelector("a[href]");
    if (link) link.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  const goTo = { h: "/", s: "/search", t: "/timeline", g: "/graph" };
  let waitingForGoal = 0;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (Date.now() - waitingForGoal < 1200 && goTo[event.key]) {
      waitingForGoal = 0;
      event.preventDefault();
      location.assign(goTo[event.key]);
      return;
    }
    waitingForGoal = 0;
    if (event.key === "/") {
      const box = document.querySelector("[data-focus-first]") || document.querySelector("[data-focus-key='/']");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    } else if (event.key === "?") {
      event.preventDefault();
      byId("shortcuts").showModal();
    } else if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "g") {
      waitingForGoal = Date.now();
    }
  });

  document.addEventListener("click", (event) => {
    const help = event.target.closest("[data-shortcuts]");
    if (help) byId("shortcuts").showModal();

    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const text = byId(copy.dataset.copy).textContent;
      navigator.clipboard.writeText(text).then(() => {
        const old = copy.lastElementChild.textContent;
        copy.lastElementChild.textContent = copy.dataset.done;
        window.foedusSay(copy.dataset.done);
        setTimeout(() => { copy.lastElementChild.textContent = old; }, 1600);
      });
    }
    for (const open of document.querySelectorAll("details.who[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  // A form that asks first says what it will do in data-confirm.
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A select that acts at once has a button beside it for those without script.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });

  if (matchMedia("(max-width: 800px)").matches) {
    for (const node of document.querySelectorAll("[data-narrow-closed]")) node.open = false;
  }
  for (const node of document.querySelectorAll("[data-shortcuts], [data-with-script]")) node.hidden = false;
  for (const node of document.querySelectorAll("[data-without-script]")) node.hidden = true;
})();
