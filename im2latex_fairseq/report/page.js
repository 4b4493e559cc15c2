// Tables that sort, samples that are filtered, sorted and drawn. Everything that comes from formulas is put on the
// page as text (textContent), never as HTML; the page's content security policy forbids anything else.
(() => {
  "use strict";

  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 20;
  const SCALE = 1.5; // drawings have 100 pixels an inch, too few to see a small letter's difference
  const byId = (id) => document.getElementById(id);

  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key === "class") made.className = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  // Tables: a click on a heading sorts by that column, another one turns the order.

  function cellValue(row, column) {
    const cell = row.cells[column];
    const value = cell.dataset.value;
    return value === undefined ? cell.textContent : Number(value);
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
  }

  function sortTable(table, heading, column) {
    const rising = heading.getAttribute("aria-sort") === "descending" ||
      (heading.getAttribute("aria-sort") === "none" && !heading.classList.contains("number"));
    for (const other of table.tHead.rows[0].cells) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const body = table.tBodies[0];
    const sign = rising ? 1 : -1;
    const sorted = [...body.rows]
      .map((row) => [cellValue(row, column), row])
      .sort((a, b) => sign * compare(a[0], b[0]));
    body.append(...sorted.map((item) => item[1]));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      if (heading.classList.contains("plain")) return;
      const button = element("button", { type: "button" }, ...heading.childNodes);
      heading.append(button);
      if (!heading.hasAttribute("aria-sort")) heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sortTable(table, heading, column));
    });
  }

  // Curves: one metric at a time.

  const curveMetric = byId("curve-metric");
  if (curveMetric) {
    const show = () => {
      for (const part of document.querySelectorAll("[data-curves]")) {
        part.hidden = part.dataset.curves !== curveMetric.value;
      }
    };
    curveMetric.addEventListener("change", show);
    show();
  }

  // Confusions: a filter by token.

  const confusionFilter = byId("confusion-token");
  if (confusionFilter) {
    const rows = [...byId("confusions").tBodies[0].rows];
    confusionFilter.addEventListener("input", () => {
      const wanted = confusionFilter.value.trim();
      for (const row of rows) {
        row.hidden = wanted !== "" && row.dataset.right !== wanted && row.dataset.read !== wanted;
      }
      const count = rows.filter((row) => !row.hidden).length;
      byId("confusions-shown").textContent = `${count} row${count === 1 ? "" : "s"}`;
    });
  }

  // Samples.

  const total = data.ids.length;
  const split = (text) => (text === "" ? [] : text.split(" "));
  const references = (place) => split(data.references[place]);

  function hypothesis(place) {
    const tokens = references(place);
    const read = [];
    let at = 0;
    for (const [start, end, replacement] of data.edits[place]) {
      read.push(...tokens.slice(at, start), ...split(replacement));
      at = end;
    }
    return read.concat(tokens.slice(at));
  }

  function errors(place) {
    return data.edits[place].reduce(
      (sum, [start, end, replacement]) => sum + Math.max(end - start, split(replacement).length), 0);
  }

  function confuses(place, right, read) {
    const tokens = data.edits[place].length ? references(place) : [];
    return data.edits[place].some(([start, end, replacement]) => {
      const replaced = split(replacement);
      const count = Math.max(end - start, replaced.length);
      for (let i = 0; i < count; i += 1) {
        const was = start + i < end ? tokens[start + i] : "";
        const is = i < replaced.length ? replaced[i] : "";
        if (was === right && is === read) return true;
      }
      return false;
    });
  }

  const everything = Array.from({ length: total }, (_, place) => place);
  const sets = { worst: data.worst, random: data.random, pictures: null, all: everything };
  sets.pictures = everything.filter((place) => data.pictures[place]);

  const controls = {
    show: byId("show"), find: byId("find"), where: byId("where"), structure: byId("structure"),
    outcome: byId("outcome"), sort: byId("sort"), order: byId("order"),
  };
  const defaults = {};
  let confusion = null; // [right, read]
  let found = [];
  let drawn = 0;

  function option(select, value, title) {
    select.append(element("option", { value }, title));
  }

  function fillControls() {
    const figures = (count) => count.toLocaleString("en");
    const pictured = sets.pictures.length ? ", with pictures" : "";
    if (data.worst.length) option(controls.show, "worst", `the ${figures(data.worst.length)} worst${pictured}`);
    if (data.random.length) option(controls.show, "random", `${figures(data.random.length)} at random${pictured}`);
    if (pictured) option(controls.show, "pictures", `all that have pictures (${figures(sets.pictures.length)})`);
    option(controls.show, "all", `all ${figures(total)}`);
    option(controls.structure, "", "any");
    for (const [name, title] of data.structures) option(controls.structure, name, title);
    option(controls.outcome, "", "any");
    for (const [name, title] of data.outcomes) option(controls.outcome, name, title);
    option(controls.sort, "", "as chosen");
    for (const metric of data.metrics) option(controls.sort, `metric:${metric.name}`, metric.title);
    option(controls.sort, "errors", "wrong tokens");
    option(controls.sort, "length", "length of the reference");
    if (data.widths) option(controls.sort, "width", "width");
    if (data.confidences) option(controls.sort, "confidence", "confidence");
    option(controls.sort, "id", "name");
    for (const [name, control] of Object.entries(controls)) defaults[name] = control.value;
  }

  function sortKey() {
    const chosen = controls.sort.value;
    if (chosen.startsWith("metric:")) {
      const number = data.metrics.findIndex((metric) => `metric:${metric.name}` === chosen);
      return (place) => data.scores[number][place];
    }
    return {
      errors, length: (place) => references(place).length, width: (place) => data.widths[place],
      confidence: (place) => data.confidences[place], id: (place) => data.ids[place],
    }[chosen];
  }

  function fits() {
    const wanted = controls.find.value.trim();
    const where = controls.where.value;
    const structure = data.structures.findIndex(([name]) => name === controls.structure.value);
    const outcome = data.outcomes.findIndex(([name]) => name === controls.outcome.value);
    // Tokens are sought as a run of whole tokens, so that "\in" doesn't find "\int"; names anywhere in the name.
    const run = ` ${wanted.split(/\s+/).join(" ")} `;
    const has = (text) => ` ${text} `.includes(run);
    return (place) => {
      if (structure >= 0 && !(data.structure[place] & (1 << structure))) return false;
      if (outcome >= 0 && data.outcome[place] !== outcome) return false;
      if (confusion && !confuses(place, confusion[0], confusion[1])) return false;
      if (wanted === "") return true;
      return ((where === "any" || where === "id") && data.ids[place].includes(wanted)) ||
        ((where === "any" || where === "reference") && has(data.references[place])) ||
        ((where === "any" || where === "hypothesis") && has(hypothesis(place).join(" ")));
    };
  }

  function marked(place, tag) {
    // The tokens of one side, those that the other hasn't within `tag`.
    const tokens = references(place);
    const parts = [];
    let at = 0;
    const plain = (until) => {
      if (until > at) parts.push(tokens.slice(at, until).join(" "));
    };
    for (const [start, end, replacement] of data.edits[place]) {
      plain(start);
      const own = tag === "del" ? tokens.slice(start, end).join(" ") : replacement;
      if (own !== "") parts.push(element(tag, {}, own));
      at = end;
    }
    plain(tokens.length);
    return parts.flatMap((part, number) => (number ? [" ", part] : [part]));
  }

  function picture(title, image, alt, instead) {
    const paper = element("div", { class: "paper" });
    if (image) {
      const [width, height] = image.slice(0, 2).map((side) => Math.round(side * SCALE));
      const src = `data:image/png;base64,${image[2]}`;
      paper.append(element("img", { src, width, height, alt, decoding: "async" }));
    } else {
      paper.append(instead);
    }
    const caption = element("figcaption", {});
    caption.append(...(Array.isArray(title) ? title : [title]));
    return element("figure", {}, caption, paper);
  }

  function pictures(place) {
    const images = data.pictures[place];
    if (!images) return [];
    // Wide formulas stand under each other, so that their parts stay under each other too and can be read.
    const wide = ["input", "reference", "hypothesis"].some((name) => images[name] && images[name][0] * SCALE > 400);
    const box = element("div", { class: wide ? "pictures wide" : "pictures" });
    if (images.input) box.append(picture("input", images.input, "the picture that was read", ""));
    if (images.reference || !images.input) {
      box.append(picture("reference, drawn", images.reference, "the reference, drawn by TeX", "no drawing"));
    }
    box.append(picture("prediction, drawn", images.hypothesis, "the prediction, drawn by TeX", "no drawing"));
    if (images.agreement !== undefined && !images.difference) {
      box.append(picture("difference", null, "", "none: both drawings are the same, pixel by pixel"));
    } else if (images.difference) {
      const key = (name) => element("span", { class: `key ${name}`, "aria-hidden": "true" }, "■");
      const legend = element("span", {}, "ink ", key("both"), " in both ", key("reference"), " in the reference only ",
        key("hypothesis"), " in the prediction only");
      const note = images.aligned ? "" : " (too wide to be aligned)";
      box.append(picture([legend, note], images.difference,
        `both drawings laid over each other; they share ${images.agreement}% of their ink`, ""));
    }
    return [box];
  }

  function scoresOf(place) {
    const list = element("dl", {});
    data.metrics.forEach((metric, number) => {
      const unit = metric.unit === "percent" ? "" : ` ${metric.unit}`;
      list.append(element("dt", {}, data.scores[number][place].toFixed(1) + unit), element("dd", {}, metric.title));
    });
    return element("details", {}, element("summary", {}, "scores of this one alone"), list);
  }

  function card(place) {
    const wrong = errors(place);
    const [outcome, outcomeTitle] = data.outcomes[data.outcome[place]];
    const badges = [element("span", { class: `badge ${outcome === "right" ? "right" : "wrong"}` }, outcomeTitle)];
    const badge = (text) => badges.push(element("span", { class: "badge" }, text));
    if (outcome === "wrong" || outcome === "undrawn") badge(`${wrong} wrong token${wrong === 1 ? "" : "s"}`);
    if (data.confidences && data.confidences[place] !== null) badge(`confidence ${data.confidences[place].toFixed(3)}`);
    const names = data.structures.filter((_, number) => data.structure[place] & (1 << number)).map((item) => item[1]);
    if (data.structures[0] && !(data.structure[place] & 1)) badge(names.join(" · "));
    const chosen = controls.sort.value;
    if (chosen.startsWith("metric:") || chosen === "width" || chosen === "length") {
      badge(`${controls.sort.selectedOptions[0].text}: ${sortKey()(place) ?? "unknown"}`);
    }
    const body = element("article", { class: "card" },
      element("header", {}, element("h3", {}, data.ids[place]), ...badges), ...pictures(place));
    const line = (title, parts) => element("div", { class: "reading" },
      element("b", {}, title), element("span", { class: "tokens", dir: "ltr" }, ...parts));
    if (outcome === "right") {
      body.append(line("reference and prediction", marked(place, "del")));
    } else {
      body.append(line("reference", marked(place, "del")));
      body.append(line("prediction", outcome === "empty" ? ["(nothing)"] : marked(place, "ins")));
    }
    for (const note of data.notes[place] || []) body.append(element("p", { class: "note" }, note));
    const given = data.given[place];
    if (given) {
      const box = element("details", {}, element("summary", {}, "text as it was given"));
      for (const [side, text] of Object.entries(given)) {
        const name = side === "hypothesis" ? "prediction" : "reference";
        box.append(line(name, [text === "" ? "(empty)" : text]));
      }
      body.append(box);
    }
    body.append(scoresOf(place));
    return element("li", {}, body);
  }

  function drawMore(focus) {
    const list = byId("cards");
    const next = found.slice(drawn, drawn + PAGE).map(card);
    list.append(...next);
    drawn += next.length;
    byId("more").hidden = drawn >= found.length;
    byId("found").textContent = found.length
      ? `${found.length.toLocaleString("en")} fit; ${drawn.toLocaleString("en")} shown.`
      : "None fits.";
    if (focus && next.length) {
      const heading = next[0].querySelector("h3");
      heading.tabIndex = -1;
      heading.focus();
    }
  }

  function update() {
    const key = sortKey();
    found = sets[controls.show.value].filter(fits());
    if (key) {
      const sign = controls.order.value === "down" ? -1 : 1;
      const unknown = (value) => value === null || value === undefined;
      found = found.map((place) => [key(place), place]).sort((a, b) => {
        if (unknown(a[0]) || unknown(b[0])) return unknown(a[0]) - unknown(b[0]); // unknown ones last, either way
        return sign * compare(a[0], b[0]) || a[1] - b[1];
      }).map((item) => item[1]);
    } else if (controls.order.value === "down") {
      found = [...found].reverse();
    }
    byId("cards").replaceChildren();
    drawn = 0;
    byId("confusion").hidden = confusion === null;
    if (confusion) {
      byId("confusion-text").textContent =
        `Only those with ${confusion[0] || "nothing"} read as ${confusion[1] || "nothing"}.`;
    }
    drawMore(false);
    writeFragment();
  }

  // The view is part of the address, so that a link leads to it.

  function writeFragment() {
    const view = new URLSearchParams();
    for (const [name, control] of Object.entries(controls)) {
      if (control.value !== defaults[name]) view.set(name, control.value);
    }
    if (confusion) view.set("confusion", confusion.join(" "));
    const text = view.toString();
    const old = location.hash.slice(1);
    if (text === "" && old !== "" && !old.includes("=")) return; // a link to a section
    try {
      history.replaceState(null, "", text === "" ? location.pathname + location.search : `#${text}`);
    } catch {
      // A page within another one may not be allowed to; the view is just not in the address then.
    }
  }

  function readFragment() {
    const text = location.hash.slice(1);
    if (!text.includes("=")) return;
    const view = new URLSearchParams(text);
    for (const [name, control] of Object.entries(controls)) {
      control.value = view.get(name) ?? defaults[name];
      if (control.tagName === "SELECT" && control.selectedIndex < 0) control.value = defaults[name];
    }
    const pair = (view.get("confusion") ?? "").split(" ");
    confusion = pair.length === 2 ? pair : null;
  }

  let waiting = 0;
  fillControls();
  readFragment();
  for (const [name, control] of Object.entries(controls)) {
    control.addEventListener(name === "find" ? "input" : "change", () => {
      clearTimeout(waiting);
      // While someone types, not at every letter: a search goes through all samples.
      waiting = setTimeout(update, name === "find" ? 150 : 0);
    });
  }
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => drawMore(true));
  byId("confusion-clear").addEventListener("click", () => {
    confusion = null;
    update();
    controls.show.focus();
  });
  for (const button of document.querySelectorAll("#confusions button[data-right]")) {
    button.addEventListener("click", () => {
      for (const [name, control] of Object.entries(controls)) control.value = defaults[name];
      controls.show.value = "all";
      confusion = [button.dataset.right, button.dataset.read];
      update();
      byId("samples").scrollIntoView();
      byId("samples-title").focus();
    });
  }
  window.addEventListener("hashchange", () => {
    if (location.hash.includes("=")) {
      readFragment();
      update();
    }
  });
  update();
  document.documentElement.dataset.ready = "yes";
})();
