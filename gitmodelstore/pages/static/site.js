// What the pages of the catalogue do besides being read. Without it everything can still be read,
// but for the comparison. Texts from the store only ever become text nodes.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  // Light, dark, or as the system; remembered where the browser lets a page remember.
  const remembered = {
    get: () => { try { return localStorage.getItem("gms-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("gms-theme", value); } catch { /* not kept */ } },
  };
  const THEMES = { auto: "Auto", light: "Light", dark: "Dark" };
  const MEANING = { auto: "as the system", light: "light", dark: "dark" };
  let theme = Object.hasOwn(THEMES, remembered.get() ?? "") ? remembered.get() : "auto";
  const paint = () => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  };
  paint();

  const $ = (selector, inside = document) => inside.querySelector(selector);
  const $$ = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const announce = (text) => { $("#announcer").textContent = text; };
  const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const data = () => JSON.parse($("#data").textContent);

  function themes() {
    const button = $("[data-theme-switch]");
    const show = () => {
      button.textContent = THEMES[theme];
      button.setAttribute("aria-label", `Colours: ${MEANING[theme]}`);
    };
    show();
    button.addEventListener("click", () => {
      const names = Object.keys(THEMES);
      theme = names[(names.indexOf(theme) + 1) % names.length];
      remembered.set(theme);
      paint();
      show();
    });
  }

  function copying() {
    for (const button of $$("[data-copy]")) {
      button.addEventListener("click", async () => {
        const code = $("code", button.parentElement);
        let done = true;
        try {
          await navigator.clipboard.writeText(code.textContent);
        } catch {  // no clipboard for this page: the older way
          getSelection().selectAllChildren(code);
          done = document.execCommand("copy");
        }
        button.textContent = done ? "Copied" : "Press Ctrl+C";
        announce(done ? "Copied" : "Selected; press Ctrl+C to copy");
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
    }
  }

  // What a page shows stands behind the # of its address, so that a link leads to just that.
  const address = {
    get: (key) => new URLSearchParams(location.hash.slice(1)).get(key),
    put: (values) => {
      const kept = new URLSearchParams(location.hash.slice(1));
      for (const [key, value] of Object.entries(values)) {
        if (value) kept.set(key, value); else kept.delete(key);
      }
      history.replaceState(null, "", `${location.href.split("#")[0]}${String(kept) && `#${kept}`}`);
    },
  };

  function filters(items, noun, fields, matches) {
    const controls = fields.map((id) => $(`#${id}`)).filter(Boolean);
    if (!controls.length) return;
    for (const control of controls) control.value = address.get(control.id) ?? control.value;
    const apply = (changed) => {
      if (changed || controls.some((one) => one.value)) showAll();
      const values = Object.fromEntries(controls.map((one) => [one.id, one.value]));
      let shown = 0;
      for (const item of items) {
        item.hidden = !matches(item, values);
        shown += item.hidden ? 0 : 1;
      }
      const all = shown === items.length;
      $("#count").textContent = all ? counted(shown, noun) : `${shown} of ${counted(items.length, noun)}`;
      const nothing = $("#nothing");
      if (nothing) nothing.hidden = shown > 0;
      if (changed) address.put(values);
    };
    for (const control of controls) control.addEventListener("input", () => apply(true));
    apply(false);
  }

  const has = (text, wanted) =>
    wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word));

  function listOfModels() {
    const items = $$("#models > li");
    const texts = new Map(items.map((item) => [item, item.dataset.text.toLowerCase()]));
    filters(items, "model", ["search", "status"], (item, { search, status }) =>
      has(texts.get(item), search) && (!status || item.dataset.live === status));
  }

  // Of a long table, what follows the first rows is laid out only when it is wanted.
  function showAll() {
    $("#table")?.classList.add("whole");
    $(".all")?.remove();
  }

  // A text that is sorted as SemVer sorts versions: numbers before words, a release after its
  // pre-releases.
  function precedence(version) {
    const [numbers, ...words] = version.split("-");
    const key = (part) => /^[0-9]+$/.test(part) ? `0${part.padStart(60, "0")}` : `1${part}`;
    const release = words.length ? words.join("-").split(".").map(key).join("\u0001") : "2";
    return `${numbers.split(".").map(key).join(".")} ${release}`;
  }

  function rows() { return $$("#table > tbody > tr"); }

  function sorting() {
    const table = $("table.sortable");
    if (!table) return;
    const heads = $$("thead th", table);
    heads.forEach((head, at) => {
      const kind = head.dataset.sort;
      if (!kind) return;
      const button = element("button", head.textContent, { type: "button" });
      head.replaceChildren(button);
      head.classList.add("sorts");
      const sort = (falls) => {
        showAll();
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", falls ? "descending" : "ascending");
        const value = (row) => {
          const cell = row.cells[at];
          const text = cell?.dataset.value ?? cell?.textContent.trim() ?? "";
          if (kind === "version") return precedence(text);
          return kind === "text" ? text.toLowerCase() : text === "" || text === "–" ? NaN : Number(text);
        };
        const keyed = $$("tbody > tr", table).map((row) => [value(row), row]);
        const order = (a, b) => kind === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0;
        keyed.sort(([a], [b]) => {
          if (kind === "number" && (Number.isNaN(a) || Number.isNaN(b))) return Number.isNaN(a) - Number.isNaN(b);
          return falls ? order(b, a) : order(a, b);
        });
        table.tBodies[0].append(...keyed.map(([, row]) => row));
      };
      const name = button.textContent;
      button.addEventListener("click", () => {
        const falls = head.getAttribute("aria-sort") === "ascending";
        sort(falls);
        address.put({ sort: `${falls ? "-" : ""}${name}` });
        announce(`sorted by ${name}, ${falls ? "descending" : "ascending"}`);
      });
      if ([name, `-${name}`].includes(address.get("sort"))) sort(address.get("sort") !== name);
    });
  }

  function tableOfVersions() {
    const items = rows();
    const texts = new Map();
    const text = (item) => texts.get(item) ?? (texts.set(item, item.textContent.toLowerCase()), texts.get(item));
    filters(items, "version", ["filter", "status"], (item, { filter, status }) =>
      (!filter || has(text(item), filter)) && (!status || item.dataset.status === status));
  }

  function tableOfEvents() {
    const items = rows();
    const texts = new Map();
    const text = (item) => texts.get(item) ?? (texts.set(item, item.textContent.toLowerCase()), texts.get(item));
    filters(items, "event", ["filter", "model", "kind", "since", "until"], (item, wanted) =>
      (!wanted.filter || has(text(item), wanted.filter)) &&
      (!wanted.model || item.dataset.model === wanted.model) &&
      (!wanted.kind || item.dataset.kind === wanted.kind) &&
      (!wanted.since || item.dataset.day >= wanted.since) &&
      (!wanted.until || item.dataset.day <= wanted.until));
  }

  function curves({ curves: all }) {
    for (const chart of $$("[data-curve]")) {
      const places = all[chart.dataset.curve] ?? [];
      const plot = $(".plot", chart), reading = $(".reading", chart);
      const dots = $$(".dot", chart);
      let at = -1;
      const read = (next) => {
        dots[at]?.classList.remove("at");
        at = Math.max(0, Math.min(places.length - 1, next));
        dots[at]?.classList.add("at");
        reading.textContent = places[at]?.[2] ?? "";
      };
      const clear = () => { dots[at]?.classList.remove("at"); at = -1; reading.textContent = ""; };
      plot.addEventListener("pointermove", (event) => {
        const box = plot.getBoundingClientRect();
        const x = (event.clientX - box.left) / box.width;
        let nearest = 0;
        places.forEach(([place], index) => {
          if (Math.abs(place - x) < Math.abs(places[nearest][0] - x)) nearest = index;
        });
        if (places.length && nearest !== at) read(nearest);
      });
      plot.addEventListener("pointerleave", clear);
      plot.addEventListener("focus", () => read(places.length - 1));
      plot.addEventListener("blur", clear);
      plot.addEventListener("keydown", (event) => {
        const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: places.length - 1 }[event.key];
        if (next === undefined) return;
        event.preventDefault();
        read(next);
      });
    }
  }

  function liveWhen({ periods }) {
    const date = $("#date"), answer = $("#live-then");
    if (!date) return;
    const say = () => {
      if (!date.value) { answer.textContent = ""; return; }
      const end = Date.parse(`${date.value}T23:59:59Z`) / 1000 + 1;
      const live = periods.filter(([, , since, until]) => since < end && (until === null || until >= end));
      answer.textContent = live.length
        ? live.map(([version, status, since, , who, why]) => {
          const from = new Date(since * 1000).toISOString().slice(0, 10);
          return `${version} was in ${status}, since ${from}, by ${who}${why ? ` (${why})` : ""}`;
        }).join("; ")
        : "no version was live";
    };
    const given = address.get("date");
    if (given) date.value = given;
    date.addEventListener("input", () => {
      say();
      address.put({ date: date.value });
    });
    say();
  }

  // Comparison: what the manifest of each version says comes as a script when it is chosen, since
  // a page that is opened from a disk may not fetch anything.
  const facts = new Map(), waiting = new Map();
  window.compared = ([model, version, values]) => {
    const key = `${model}/${version}`;
    facts.set(key, values);
    waiting.get(key)?.(values);
  };
  function load(model, version) {
    const key = `${model}/${version}`;
    if (facts.has(key)) return Promise.resolve(facts.get(key));
    return new Promise((resolve, reject) => {
      waiting.set(key, resolve);
      const script = element("script", undefined, { src: `models/${model}/${version}.js` });
      script.addEventListener("error", () => reject(new Error(`models/${model}/${version}.js cannot be read`)));
      document.head.append(script);
    });
  }

  const GROUPS = [
    ["Metrics", /^(metrics|baseline)( |$)/], ["Pipeline", /^pipeline( |$)/], ["Inputs and outputs", /^(features|target)( |$)/],
    ["Data", /^data( |$)/], ["Code", /^code( |$)/], ["Environment", /^environment( |$)/], ["Everything else", /./],
  ];
  const spelled = (value) => value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  function row(path, a, b, isMetric) {
    const made = element("tr", undefined, { class: same(a, b) ? "same" : "differs" });
    const name = element("th", undefined, { scope: "row" });
    name.append(element("bdi", path));
    made.append(name);
    for (const value of [a, b]) {
      const cell = element("td", undefined, isMetric ? { class: "num" } : {});
      const shown = isMetric && typeof value === "number" ? String(+value.toPrecision(6)) : spelled(value);
      cell.append(element("bdi", shown));
      made.append(cell);
    }
    if (isMetric) {
      const cell = element("td", "–", { class: "num" });
      if (typeof a === "number" && typeof b === "number") {
        const gap = b - a;
        cell.textContent = gap === 0 ? "0" : `${gap > 0 ? "+" : "−"}${+Math.abs(gap).toPrecision(3)}`;
        if (gap) cell.className = `num ${gap > 0 ? "delta-up" : "delta-down"}`;
      }
      made.append(cell);
    }
    return made;
  }

  function comparing() {
    const models = data();
    const model = $("#model"), a = $("#a"), b = $("#b"), only = $("#only");
    const fill = () => {
      for (const select of [a, b]) {
        select.replaceChildren(...(models[model.value] ?? []).map(([version, status]) =>
          element("option", `${version} (${status})`, { value: version })));
      }
      const versions = models[model.value] ?? [];
      const live = versions.find(([, status]) => status === "production");
      b.value = versions[0]?.[0] ?? "";
      a.value = live && live[0] !== b.value ? live[0] : versions[1]?.[0] ?? b.value;
    };
    let turn = 0;
    const show = async (keep = true) => {
      const mine = ++turn;
      if (!a.value || !b.value) { $("#count").textContent = "There is nothing to compare."; return; }
      if (keep) history.replaceState(null, "", `#${model.value}/${a.value}/${b.value}`);
      let before, after;
      try {
        [before, after] = await Promise.all([load(model.value, a.value), load(model.value, b.value)]);
      } catch (error) {
        $("#result").replaceChildren();
        $("#count").textContent = error.message;
        return;
      }
      if (mine !== turn) return;  // something else was chosen meanwhile
      const left = new Set([...Object.keys(before), ...Object.keys(after)]);
      const total = [...left].filter((path) => !same(before[path], after[path])).length;
      const sections = [];
      for (const [title, pattern] of GROUPS) {
        const paths = [...left].filter((path) => pattern.test(path));
        paths.forEach((path) => left.delete(path));
        const shown = paths.filter((path) => !only.checked || !same(before[path], after[path]));
        if (!shown.length) continue;
        const isMetric = title === "Metrics";
        const section = element("section");
        section.append(element("h2", title));
        const table = element("table", undefined, { class: "compare" });
        table.append(element("caption", `${title} of ${a.value} and ${b.value}`, { class: "hidden" }));
        const heads = element("tr");
        heads.append(element("th", "Field", { scope: "col" }));
        for (const name of [a.value, b.value]) heads.append(element("th", name, { scope: "col", class: isMetric ? "num" : "" }));
        if (isMetric) heads.append(element("th", "Difference", { scope: "col", class: "num" }));
        const head = element("thead"), body = element("tbody");
        head.append(heads);
        body.append(...shown.map((path) => row(
          path.replace(/^(metrics|pipeline|data|code|environment|features) › /, ""), before[path], after[path], isMetric)));
        table.append(head, body);
        const scroll = element("div", undefined, { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${title}` });
        scroll.append(table);
        section.append(scroll);
        sections.push(section);
      }
      $("#result").replaceChildren(...sections);
      $("#count").textContent = total ? `${counted(total, "difference")} from ${a.value} to ${b.value}` : "They do not differ.";
    };
    const follow = () => {
      const [name, from, to] = decodeURIComponent(location.hash.slice(1)).split("/");
      if (name && Object.hasOwn(models, name)) model.value = name;
      fill();
      // A link may name a status in place of a version: the highest version that has it.
      const named = (word) => (models[model.value] ?? []).find((one) => one.includes(word))?.[0];
      a.value = named(from) ?? a.value;
      b.value = named(to) ?? b.value;
      show(Boolean(from));
    };
    model.addEventListener("input", () => { fill(); show(); });
    for (const control of [a, b, only]) control.addEventListener("input", () => show());
    $("#swap").addEventListener("click", () => { [a.value, b.value] = [b.value, a.value]; show(); });
    addEventListener("hashchange", follow);
    follow();
  }

  document.addEventListener("DOMContentLoaded", () => {
    themes();
    copying();
    sorting();
    $("#all")?.addEventListener("click", () => { const rest = $("tr.more"); showAll(); $("a", rest)?.focus(); });
    const page = document.body.dataset.page;
    if (page === "index" && $("#models")) listOfModels();
    if (page === "model") { const of = data(); tableOfVersions(); curves(of); liveWhen(of); }
    if (page === "compare") comparing();
    if (page === "audit") tableOfEvents();
    addEventListener("beforeprint", () => { for (const one of $$("details")) one.open = true; });
  });
})();
