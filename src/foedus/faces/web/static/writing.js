// What makes writing quicker: the label picker's exclusions, references by search, files by drag. Pages work without it.
"use strict";

(() => {
  // A value that the chosen classification excludes is disabled, and says why.
  function exclude(picker) {
    const level = picker.querySelector("[data-level]:checked");
    const key = level ? level.dataset.level : "";
    const words = level ? level.parentElement.textContent.trim() : "";
    for (const value of picker.querySelectorAll("[data-excluded]")) {
      const barred = value.dataset.excluded.split("|").includes(key);
      value.disabled = barred;
      if (value.matches("option")) {
        if (barred && value.selected) value.parentElement.value = "";
        continue;
      }
      if (barred) value.checked = false;
      const place = value.closest("label").querySelector("[data-reason-text]");
      place.textContent = barred ? value.dataset.reason.replace("…", words) : "";
    }
    const policy = level ? level.dataset.policyOf : null;
    for (const part of picker.querySelectorAll("[data-policy]")) {
      const elsewhere = policy !== null && part.dataset.policy !== policy;
      part.hidden = elsewhere;
      if (!elsewhere) continue;
      for (const box of part.querySelectorAll("input:checked")) box.checked = false;
      for (const one of part.querySelectorAll("select")) one.value = "";
    }
  }

  function told(group) {
    if (!group.querySelector("summary")) return;
    const chosen = [...group.querySelectorAll("input:checked")].map((box) => box.closest("label").querySelector("span").firstChild.textContent.trim());
    let place = group.querySelector(".tags-chosen");
    if (!place) {
      place = document.createElement("span");
      place.className = "small tags-chosen";
      group.querySelector("summary").append(" ", place);
    }
    place.textContent = chosen.join(", ");
  }

  function wake(root) {
    for (const picker of root.querySelectorAll("[data-picker]")) exclude(picker);
    for (const box of root.querySelectorAll("[data-with-script]")) box.hidden = false;
    for (const field of root.querySelectorAll("[data-references]")) combo(field);
    keep();
  }

  function keep() {
    const box = document.querySelector("[data-keep]");
    const place = document.querySelector("[data-kept-hides]");
    if (box && place) place.hidden = box.checked;
  }

  // Capture comes before htmx collects the values.
  document.addEventListener("change", (event) => {
    const picker = event.target.closest("[data-picker]");
    if (picker && event.target.matches("[data-level]")) exclude(picker);
    const group = event.target.closest(".tags");
    if (group) told(group);
    if (event.target.matches("[data-keep], [data-keep-not]")) keep();
  }, true);

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-filter-values]")) return;
    event.stopPropagation();
    const words = event.target.value.toLowerCase().trim();
    for (const label of event.target.closest(".tags").querySelectorAll("[data-value-words]")) {
      label.parentElement.hidden = !label.dataset.valueWords.includes(words);
    }
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-filter-values]")) event.preventDefault();
  });

  // References: a list box below the field (WAI-ARIA combobox with list autocomplete).
  let number = 0;
  function combo(field) {
    const input = field.querySelector("[data-combo]");
    const list = field.querySelector("[data-options]");
    if (!input || input.dataset.awake) return;
    input.dataset.awake = "1";
    list.id = `options-${++number}`;
    for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-controls", list.id], ["aria-autocomplete", "list"]]) input.setAttribute(name, value);
    let waiting = 0;
    let asked = "";
    const options = () => [...list.querySelectorAll("[data-id]")];
    const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
    async function ask() {
      const text = input.value.trim();
      if (text.length < 2) { close(); return; }
      asked = text;
      const answer = await fetch(`/publish/suggestions?q=${encodeURIComponent(text)}&types=${encodeURIComponent(field.dataset.types)}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok || asked !== text) return;
      // The node escapes what it puts into this list.
      list.innerHTML = await answer.text();
      options().forEach((option, index) => { option.id = `${list.id}-${index}`; });
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
    }
    function choose(option) {
      const place = field.querySelector(".picked-list");
      const multiple = "multiple" in field.dataset;
      if (!multiple) place.replaceChildren();
      if (![...place.querySelectorAll("input")].some((box) => box.value === option.dataset.id)) {
        const line = document.createElement("li");
        line.className = "picked";
        const label = document.createElement("label");
        label.className = "check";
        const box = document.createElement("input");
        box.type = multiple ? "checkbox" : "radio";
        box.name = field.dataset.name;
        box.value = option.dataset.id;
        box.checked = true;
        const title = document.createElement("span");
        title.textContent = option.dataset.title;
        label.append(box, " ", option.querySelector(".type").cloneNode(true), " ", title);
        line.append(label);
        place.append(line);
      }
      input.value = "";
      close();
      input.focus();
      window.foedusSay(option.dataset.title);
    }
    input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 180); });
    input.addEventListener("keydown", (event) => {
      const all = options();
      const now = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (list.hidden || !all.length) return;
        event.preventDefault();
        const next = all[(now + (event.key === "ArrowDown" ? 1 : -1) + all.length) % all.length];
        all.forEach((one) => one.setAttribute("aria-selected", String(one === next)));
        input.setAttribute("aria-activedescendant", next.id);
        next.scrollIntoView({ block: "nearest" });
      } else if (event.key === "Enter" && !list.hidden && all.length) {
        event.preventDefault();
        choose(all[Math.max(0, now)]);
      } else if (event.key === "Escape" && !list.hidden) {
        event.stopPropagation();
        close();
      }
    });
    list.addEventListener("mousedown", (event) => {
      const option = event.target.closest("[data-id]");
      if (option) { event.preventDefault(); choose(option); }
    });
    input.addEventListener("blur", () => setTimeout(close, 150));
  }

  // Files by drag and drop.
  for (const zone of document.querySelectorAll("[data-drop]")) {
    const input = zone.querySelector("input[type=file]");
    const said = zone.querySelector("[data-drop-names]");
    const tell = () => { said.textContent = [...input.files].map((file) => `${file.name} (${Math.ceil(file.size / 1024).toLocaleString()} KB)`).join(", "); };
    input.addEventListener("change", tell);
    for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
    for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      input.files = event.dataTransfer.files;
      tell();
    });
  }

  // A form is sent once, and what was written is not lost by accident.
  let touched = false;
  for (const form of document.querySelectorAll("form[data-leave]")) {
    form.addEventListener("input", () => { touched = true; });
    form.addEventListener("submit", () => { touched = false; });
  }
  window.addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-once]") || event.defaultPrevented) return;
    setTimeout(() => { for (const button of event.target.querySelectorAll("button")) button.disabled = true; });
    setTimeout(() => { for (const button of event.target.querySelectorAll("button")) button.disabled = false; }, 8000);
  });

  const first = document.querySelector("[data-focus-now]");
  if (first) first.focus();
  wake(document);
  document.addEventListener("htmx:afterSettle", (event) => wake(event.target.parentElement || document));
})();
