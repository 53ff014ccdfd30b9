// Draws each [data-chart] figure from the table inside it, so the picture and the figures cannot differ.
"use strict";

(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // A colour of the style sheet as it is now, on light or on dark: only a property that uses it knows.
  const known = new Map();
  const colour = (name) => {
    if (!known.has(name)) known.set(name, resolved(name));
    return known.get(name);
  };
  function resolved(name) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.hidden = true;
    probe.style.color = `var(${name}, var(--accent))`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }
  const narrow = () => matchMedia("(max-width: 800px)").matches;
  const drawn = [];
  const lang = document.documentElement.lang;

  // The months of the time axis in the page's language; the rest as the charts have it.
  const months = (month) => [...Array(12).keys()].map((m) => new Date(Date.UTC(2026, m, 15)).toLocaleString(lang, { month, timeZone: "UTC" }));
  window.echarts.registerLocale("page", { time: { month: months("long"), monthAbbr: months("short") } });

  function table(figure) {
    return [...figure.querySelectorAll("tbody tr")].map((row) => {
      const cells = row.querySelectorAll("td");
      const link = cells[0].querySelector("a");
      return { name: cells[0].textContent.trim(), value: Number(cells[1].dataset.value), href: link && link.href };
    });
  }

  const axis = () => ({
    axisLine: { lineStyle: { color: colour("--line-strong") } },
    axisTick: { show: false },
    axisLabel: { color: colour("--ink-2"), fontFamily: css("--font"), fontSize: 12 },
    splitLine: { lineStyle: { color: colour("--line") } },
  });

  const tooltip = () => ({
    renderMode: "richText", backgroundColor: colour("--sheet"), borderColor: colour("--line-strong"),
    textStyle: { color: colour("--ink"), fontFamily: css("--font"), fontSize: 13 },
  });

  function bars(rows, lying) {
    const names = { type: "category", data: rows.map((r) => r.name), ...axis(), splitLine: { show: false } };
    const values = { type: "value", minInterval: 1, splitNumber: lying ? 3 : 4, ...axis(), axisLine: { show: false } };
    if (lying) names.inverse = true;
    return {
      animation: false, tooltip: { trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: colour("--line"), opacity: .35 } }, ...tooltip() },
      grid: { left: 4, right: 12, top: 8, bottom: 2, containLabel: true },
      xAxis: lying ? values : names, yAxis: lying ? names : values,
      series: [{ type: "bar", barMaxWidth: 16, itemStyle: { color: colour("--accent"), borderRadius: 2 },
        data: rows.map((r) => ({ value: r.value, href: r.href })) }],
    };
  }

  // Events on a time axis, one lane a type: rows carry data-at (ISO time), data-lane and data-href.
  function points(figure) {
    const rows = [...figure.querySelectorAll("[data-at]")];
    const lanes = [...new Set(rows.map((r) => r.dataset.lane))];
    return {
      lanes: lanes.length,
      option: {
        animation: false,
        tooltip: { ...tooltip(), formatter: (p) => p.data.label },
        grid: { left: 4, right: 16, top: 8, bottom: 4, containLabel: true },
        dataZoom: [{ type: "inside", filterMode: "none" }],
        xAxis: { type: "time", ...axis(), splitNumber: narrow() ? 3 : 6, axisLabel: { ...axis().axisLabel, hideOverlap: true } },
        yAxis: { type: "category", data: lanes, inverse: true, ...axis(), axisLine: { show: false }, splitLine: { show: true, lineStyle: { color: colour("--line") } } },
        series: [{ type: "scatter", symbolSize: 10,
          data: rows.map((r) => ({
            value: [r.dataset.at, r.dataset.lane], href: r.dataset.href, label: r.dataset.label,
            itemStyle: { color: colour("--fam-" + r.dataset.family), opacity: .82 },
          })) }],
      },
    };
  }

  function draw(figure) {
    const canvas = figure.querySelector(".chart-canvas");
    const kind = figure.dataset.chart;
    let option;
    if (kind === "time") {
      const made = points(figure);
      if (!made.lanes) return;
      canvas.style.height = Math.max(120, 48 + made.lanes * 26) + "px";
      option = made.option;
    } else {
      const rows = table(figure);
      if (!rows.length) return;
      const lying = kind === "lying";
      if (lying) canvas.style.height = Math.max(80, 34 + rows.length * 22) + "px";
      option = bars(rows, lying);
    }
    canvas.hidden = false;
    const data = figure.querySelector(".chart-data");
    if (data) data.open = false;
    const chart = window.echarts.init(canvas, null, { locale: "page" });
    chart.setOption(option);
    chart.on("click", (event) => { if (event.data && event.data.href) location.assign(event.data.href); });
    drawn.push([figure, chart]);
  }

  function drawAll(root) {
    for (const figure of root.querySelectorAll("[data-chart]")) draw(figure);
  }
  function again() {
    known.clear();
    for (const [, chart] of drawn.splice(0)) chart.dispose();
    drawAll(document);
  }

  drawAll(document);
  let pause = 0;
  addEventListener("resize", () => { clearTimeout(pause); pause = setTimeout(() => drawn.forEach(([, c]) => c.resize()), 120); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.addEventListener("htmx:afterSwap", (event) => drawAll(event.detail.target));
})();
