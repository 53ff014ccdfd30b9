// The graph of a record: asks the node for one expansion at a time, never draws more than data-most records.
// Layout: springs along edges, repulsion between records near each other (a grid keeps it linear), cooling to rest.
"use strict";

(() => {
  const box = document.querySelector("[data-graph]");
  if (!box) return;
  const SVG = "http://www.w3.org/2000/svg";
  const svg = box.querySelector("svg.graph-picture");
  const side = box.querySelector("[data-graph-side]");
  const status = box.querySelector("[data-graph-status]");
  const legend = box.querySelector(".graph-legend");
  const most = Number(box.dataset.most);
  const make = (name, attributes = {}, text = "") => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text) node.textContent = text;
    return node;
  };

  const nodes = new Map(); // id -> record in the picture
  const edges = new Map(); // "source kind target" -> edge
  const stage = make("g");
  const edgeLayer = make("g");
  const nodeLayer = make("g");
  stage.append(edgeLayer, nodeLayer);
  svg.append(stage);

  const camera = { x: 0, y: 0, k: 1 };
  let heat = 0;
  let running = false;
  let chosen = null;

  const say = (text) => { status.textContent = text; window.foedusSay(text); };
  const short = (text) => (text.length > 26 ? text.slice(0, 25) + "…" : text);

  // ---- records and edges

  function addNode(given, near) {
    const known = nodes.get(given.id);
    if (known) return known;
    if (nodes.size >= most) return null;
    const angle = nodes.size * 2.399963;
    const away = near ? 90 + (nodes.size % 5) * 14 : 0;
    const node = { ...given, x: (near ? near.x : 0) + Math.cos(angle) * away, y: (near ? near.y : 0) + Math.sin(angle) * away,
      vx: 0, vy: 0, next: "", opened: false, links: 0, fixed: false };
    const g = make("g", { class: `node fam-${given.family}`, tabindex: "-1", role: "button" });
    g.append(make("circle", { r: 15 }));
    g.append(make("use", { href: `${box.dataset.icons}#i-${given.icon}`, x: -8, y: -8, width: 16, height: 16 }));
    g.append(make("text", { y: 28 }, short(given.title)));
    g.append(make("text", { class: "rest", y: 40 }));
    g.append(make("title", {}, `${given.typeName}: ${given.title}`));
    g.setAttribute("aria-label", `${given.typeName}: ${given.title}`);
    node.g = g;
    node.rest = g.querySelector(".rest");
    nodeLayer.append(g);
    nodes.set(given.id, node);
    g.addEventListener("pointerdown", (event) => startDrag(event, node));
    g.addEventListener("focus", () => choose(node, false));
    return node;
  }

  function addEdge(given) {
    const a = nodes.get(given.source);
    const b = nodes.get(given.target);
    const key = `${given.source} ${given.kind} ${given.target}`;
    if (!a || !b || a === b || edges.has(key)) return;
    const line = make("line", { class: "edge" });
    const name = make("text", { class: "edge-name" }, given.name);
    edgeLayer.append(line, name);
    edges.set(key, { a, b, kind: given.name, line, name });
    a.links += 1;
    b.links += 1;
  }

  async function expand(node) {
    if (node.busy || (node.opened && !node.next)) { if (node.opened) say(box.dataset.sayNone); return; }
    node.busy = true;
    try {
      const address = `${box.dataset.graph}?id=${encodeURIComponent(node.id)}&cursor=${encodeURIComponent(node.next)}`;
      const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      let full = false;
      for (const given of news.nodes) if (!addNode(given, node)) full = true;
      news.edges.forEach(addEdge);
      mark(news);
      node.opened = true;
      node.next = full ? node.next : news.next;
      node.degree = news.degree;
      node.g.classList.add("open");
      say(full ? box.dataset.sayFull : news.nodes.length ? `${nodes.size} ${box.dataset.sayAdded}` : box.dataset.sayNone);
      rest(node);
      refresh();
      warm(1);
    } catch {
      say(box.dataset.sayFailed);
    } finally {
      node.busy = false;
    }
  }

  // The picture is marked with every label of what it shows.
  function mark(news) {
    if (news.sheet && !document.querySelector(`link[href="${news.sheet}"]`)) {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = news.sheet;
      document.head.append(link);
    }
    for (const place of document.querySelectorAll("[data-graph-banner] .banners")) {
      const there = new Set([...place.children].map((child) => child.textContent));
      for (const one of news.markings) {
        if (there.has(one.text)) continue;
        const banner = document.createElement("p");
        banner.className = `banner ${one.class}`;
        banner.textContent = one.text;
        place.append(banner);
      }
    }
  }

  function rest(node) {
    const hidden = node.next ? Math.max(0, node.degree - node.links) : 0;
    node.rest.textContent = node.next ? `+ ${hidden || ""} ${box.dataset.sayMore}` : "";
  }

  function refresh() {
    svg.classList.toggle("crowded", edges.size > 40);
    const seen = new Map();
    for (const node of nodes.values()) seen.set(node.typeName, node.family);
    legend.replaceChildren(...[...seen].sort().map(([name, family]) => {
      const item = document.createElement("li");
      item.className = `fam-${family}`;
      item.append(document.createElement("i"), name);
      return item;
    }));
  }

  // ---- the record that is chosen

  function choose(node, focus = true) {
    if (chosen) { chosen.g.classList.remove("chosen"); chosen.g.setAttribute("tabindex", "-1"); }
    chosen = node;
    node.g.classList.add("chosen");
    node.g.setAttribute("tabindex", "0");
    if (focus) node.g.focus({ preventScroll: true });
    side.hidden = false;
    side.querySelector("[data-side-title]").textContent = node.title;
    side.querySelector("[data-side-type]").textContent = node.typeName;
    side.querySelector("[data-side-open]").href = `/records/${encodeURIComponent(node.id)}`;
    const button = side.querySelector("[data-side-expand]");
    button.onclick = () => expand(node);
    button.hidden = node.opened && !node.next;
    const lines = [];
    for (const edge of edges.values()) {
      const near = edge.a === node || edge.b === node;
      edge.line.classList.toggle("near", near);
      edge.name.classList.toggle("near", near);
      if (near) lines.push([edge.kind, edge.a === node ? edge.b : edge.a, edge.a === node]);
    }
    side.querySelector("[data-side-links]").replaceChildren(...lines.slice(0, 40).map(([kind, other, outgoing]) => {
      const item = document.createElement("li");
      const go = document.createElement("button");
      go.type = "button";
      go.className = "bare";
      go.textContent = `${outgoing ? "→" : "←"} ${kind}: ${other.title}`;
      go.addEventListener("click", () => choose(other));
      item.append(go);
      return item;
    }));
  }

  // Arrow keys walk to the nearest record in that direction.
  svg.addEventListener("keydown", (event) => {
    if (!chosen) return;
    if (event.key === "Enter") { event.preventDefault(); expand(chosen); return; }
    if (event.key === "o") { location.assign(`/records/${encodeURIComponent(chosen.id)}`); return; }
    const to = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!to) return;
    event.preventDefault();
    let best = null;
    let least = Infinity;
    for (const node of nodes.values()) {
      const dx = node.x - chosen.x;
      const dy = node.y - chosen.y;
      const along = dx * to[0] + dy * to[1];
      const across = Math.abs(dx * to[1]) + Math.abs(dy * to[0]);
      if (node !== chosen && along > 1 && along + across * 2 < least) { least = along + across * 2; best = node; }
    }
    if (best) { choose(best); keepInSight(best); }
  });

  // ---- layout

  function step() {
    const all = [...nodes.values()];
    const cell = 120;
    const grid = new Map();
    for (const n of all) {
      const key = `${Math.floor(n.x / cell)},${Math.floor(n.y / cell)}`;
      if (!grid.has(key)) grid.set(key, []);
      grid.get(key).push(n);
    }
    for (const n of all) {
      const cx = Math.floor(n.x / cell);
      const cy = Math.floor(n.y / cell);
      for (let i = cx - 1; i <= cx + 1; i++) for (let j = cy - 1; j <= cy + 1; j++) {
        for (const m of grid.get(`${i},${j}`) || []) {
          if (m === n) continue;
          let dx = n.x - m.x;
          let dy = n.y - m.y;
          if (!dx && !dy) { dx = (n.id < m.id ? 1 : -1); dy = .5; }
          const d2 = Math.max(60, dx * dx + dy * dy);
          const push = 3400 / d2;
          const d = Math.sqrt(d2);
          n.vx += dx / d * push;
          n.vy += dy / d * push;
        }
      }
      n.vx -= n.x * .004;
      n.vy -= n.y * .006;
    }
    for (const { a, b } of edges.values()) {
      const dx = b.x - a.x;
      const dy = b.y - a.y;
      const d = Math.hypot(dx, dy) || 1;
      const length = 118 + 5 * Math.min(24, Math.max(a.links, b.links));
      const pull = (d - length) / d * .05;
      a.vx += dx * pull;
      a.vy += dy * pull;
      b.vx -= dx * pull;
      b.vy -= dy * pull;
    }
    for (const n of all) {
      if (n.fixed) { n.vx = n.vy = 0; continue; }
      const fast = Math.hypot(n.vx, n.vy);
      const limit = 24 * heat + 1;
      const slow = fast > limit ? limit / fast : 1;
      n.x += n.vx * slow;
      n.y += n.vy * slow;
      n.vx *= .72;
      n.vy *= .72;
    }
    heat *= .985;
  }

  function place() {
    for (const n of nodes.values()) n.g.setAttribute("transform", `translate(${n.x.toFixed(1)},${n.y.toFixed(1)})`);
    for (const { a, b, line, name } of edges.values()) {
      line.setAttribute("x1", a.x.toFixed(1));
      line.setAttribute("y1", a.y.toFixed(1));
      line.setAttribute("x2", b.x.toFixed(1));
      line.setAttribute("y2", b.y.toFixed(1));
      name.setAttribute("x", ((a.x + b.x) / 2).toFixed(1));
      name.setAttribute("y", ((a.y + b.y) / 2 - 3).toFixed(1));
    }
    svg.setAttribute("viewBox", viewBox());
  }

  let touched = false;
  function frame() {
    for (let i = 0; i < 3 && heat > .02; i++) step();
    if (!touched) fit();
    place();
    if (heat > .02) requestAnimationFrame(frame);
    else running = false;
  }
  function warm(amount) {
    heat = Math.max(heat, amount);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      for (let i = 0; i < 400 && heat > .02; i++) step();
      if (!touched) fit();
      place();
      return;
    }
    if (!running) { running = true; requestAnimationFrame(frame); }
  }

  // ---- camera

  const size = () => ({ w: svg.clientWidth || 800, h: svg.clientHeight || 500 });
  function viewBox() {
    const { w, h } = size();
    return `${camera.x - w / 2 / camera.k} ${camera.y - h / 2 / camera.k} ${w / camera.k} ${h / camera.k}`;
  }
  function fit() {
    const all = [...nodes.values()];
    if (!all.length) return;
    const { w, h } = size();
    const xs = all.map((n) => n.x);
    const ys = all.map((n) => n.y);
    const [x0, x1, y0, y1] = [Math.min(...xs) - 100, Math.max(...xs) + 100, Math.min(...ys) - 50, Math.max(...ys) + 60];
    camera.x = (x0 + x1) / 2;
    camera.y = (y0 + y1) / 2;
    camera.k = Math.min(1.5, w / (x1 - x0), h / (y1 - y0));
  }
  function zoom(factor, x = camera.x, y = camera.y) {
    touched = true;
    const k = Math.max(.15, Math.min(4, camera.k * factor));
    camera.x = x + (camera.x - x) * camera.k / k;
    camera.y = y + (camera.y - y) * camera.k / k;
    camera.k = k;
    place();
  }
  function keepInSight(node) {
    const { w, h } = size();
    if (Math.abs(node.x - camera.x) > w / 2 / camera.k - 40 || Math.abs(node.y - camera.y) > h / 2 / camera.k - 40) {
      touched = true;
      camera.x = node.x;
      camera.y = node.y;
      place();
    }
  }
  const inPicture = (event) => {
    const area = svg.getBoundingClientRect();
    return { x: camera.x + (event.clientX - area.left - area.width / 2) / camera.k,
      y: camera.y + (event.clientY - area.top - area.height / 2) / camera.k };
  };

  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = inPicture(event);
    zoom(event.deltaY < 0 ? 1.12 : .89, at.x, at.y);
  }, { passive: false });

  let drag = null;
  function startDrag(event, node) {
    event.stopPropagation();
    drag = { node, from: inPicture(event), moved: false };
    svg.setPointerCapture(event.pointerId);
  }
  svg.addEventListener("pointerdown", (event) => {
    drag = { from: inPicture(event), moved: false };
    svg.setPointerCapture(event.pointerId);
    svg.classList.add("moving");
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const at = inPicture(event);
    if (Math.hypot(at.x - drag.from.x, at.y - drag.from.y) * camera.k > 3) drag.moved = true;
    if (!drag.moved) return;
    if (drag.node) {
      drag.node.fixed = true;
      drag.node.x = at.x;
      drag.node.y = at.y;
      touched = true;
      warm(.3);
    } else {
      touched = true;
      camera.x -= at.x - drag.from.x;
      camera.y -= at.y - drag.from.y;
      place();
    }
  });
  svg.addEventListener("pointerup", () => {
    // The svg holds the pointer, so a plain press on a record arrives here and not as its click.
    if (drag && drag.node && !drag.moved) {
      const again = drag.node.pressed && performance.now() - drag.node.pressed < 400;
      drag.node.pressed = performance.now();
      choose(drag.node);
      if (again) expand(drag.node);
    }
    drag = null;
    svg.classList.remove("moving");
  });

  for (const button of box.querySelectorAll("[data-graph-zoom]")) {
    button.addEventListener("click", () => zoom(Number(button.dataset.graphZoom)));
  }
  box.querySelector("[data-graph-fit]").addEventListener("click", () => { touched = false; fit(); place(); });
  addEventListener("resize", place);

  const centre = addNode({ id: box.dataset.id, type: box.dataset.type, typeName: box.dataset.typeName,
    family: box.dataset.family, icon: box.dataset.icon, title: box.dataset.title });
  centre.g.classList.add("centre");
  centre.g.setAttribute("tabindex", "0");
  place();
  expand(centre);
})();
