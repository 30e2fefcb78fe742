"use strict";
const all = (root, selector) => [...root.querySelectorAll(selector)];

// ---------------------------------------------------------------- filter: by words and by status

function textOf(item) {
  const own = item.querySelector("summary, .row") ?? item;
  const detail = item.querySelector(".detail");
  return [item.id, own.textContent, detail?.textContent ?? ""].join(" ").toLowerCase();
}

function sieve(section) {
  const words = section.querySelector("input[type=search]");
  const output = section.querySelector("output");
  const items = all(section, "[data-status]").map((node) => ({ node, text: "" }));
  const groups = all(section, ".group");
  function apply() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = section.querySelector("input[type=radio]:checked").value;
    const active = wanted.length > 0 || status !== "";
    let shown = 0;
    for (const item of items) {
      item.text ||= textOf(item.node);
      const hit = (!status || item.node.dataset.status === status) && wanted.every((word) => item.text.includes(word));
      item.node.hidden = !hit;
      shown += hit;
    }
    for (const group of groups) {
      group.hidden = active && !group.querySelector("[data-status]:not([hidden])");
      if (active || group.dataset.opened) group.open = active;
      if (active) group.dataset.opened = "yes"; else delete group.dataset.opened;
    }
    output.textContent = active ? `${shown.toLocaleString("en")} of ${items.length.toLocaleString("en")}` : "";
  }
  words.addEventListener("input", apply);
  section.querySelector("form").addEventListener("change", apply);
  section.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  section.addEventListener("find", (event) => {
    section.querySelector("input[type=radio]").checked = true;
    words.value = event.detail;
    apply();
    words.focus({ preventScroll: true });
  });
}
all(document, ".filtered").forEach(sieve);

document.addEventListener("click", (event) => {
  const find = event.target.closest("[data-find]")?.dataset.find;
  if (!find) return;
  event.preventDefault();
  const tests = document.querySelector("#tests");
  tests.scrollIntoView();
  tests.dispatchEvent(new CustomEvent("find", { detail: find }));
});

// ---------------------------------------------------------------- links open what they lead to

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let node = target; node; node = node.parentElement) {
    if (node.tagName === "DETAILS") node.open = true;
    node.hidden = false;
  }
  const own = target.querySelector(":scope > details");
  if (own) own.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
document.addEventListener("click", (event) => {
  if (event.target.closest("a[href^='#']")?.getAttribute("href") === location.hash) setTimeout(reveal);
});

// ---------------------------------------------------------------- JSON laid out; the line as it was is one button away

const TOKEN = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+|\s+/g;
const HEX = /^"[0-9a-f]{48,}"?$/;

function laidOut(line) {
  const out = document.createDocumentFragment();
  const arrow = line.match(/^[^{"]*/)[0];
  const tokens = line.slice(arrow.length).match(TOKEN) ?? [];
  let depth = 0;
  const put = (text, kind) => {
    const node = kind ? document.createElement("span") : document.createTextNode(text);
    if (kind) { node.className = kind; node.textContent = text; }
    out.append(node);
  };
  const turn = () => put("\n" + "  ".repeat(Math.max(depth, 0)));
  put(arrow);
  tokens.forEach((token, place) => {
    const next = tokens[place + 1];
    if (token === "{" || token === "[") { depth += 1; put(token); if (next !== "}" && next !== "]") turn(); }
    else if (token === "}" || token === "]") { depth -= 1; if (!/[{[]/.test(tokens[place - 1] ?? "")) turn(); put(token); }
    else if (token === ",") { put(token); turn(); }
    else if (token === ":") put(": ");
    else if (HEX.test(token)) out.append(folded(token));
    else put(token, token[0] === '"' ? (next === ":" ? "key" : "string") : "");
  });
  return out;
}

function folded(token) {
  const button = document.createElement("button");
  const bytes = (Math.floor(token.replaceAll('"', "").length / 2)).toLocaleString("en");
  const short = `${token.slice(0, 17)}…${token.slice(-9)} (${bytes} bytes)`;
  button.type = "button";
  const show = (open) => { button.setAttribute("aria-expanded", open); button.textContent = open ? token : short; };
  button.addEventListener("click", () => show(button.getAttribute("aria-expanded") !== "true"));
  show(false);
  return button;
}

function layOut(pre) {
  const line = pre.textContent;
  const plain = document.createElement("button");
  plain.type = "button";
  plain.className = "plain";
  let raw = false;
  const draw = () => {
    pre.replaceChildren(raw ? document.createTextNode(line) : laidOut(line));
    plain.textContent = raw ? "lay out" : "as it was said";
    plain.setAttribute("aria-pressed", raw);
  };
  plain.addEventListener("click", () => { raw = !raw; draw(); });
  pre.dataset.laid = "out";
  pre.after(plain);
  draw();
}

document.addEventListener("toggle", (event) => {
  if (!event.target.open) return;
  for (const pre of all(event.target, "pre.json:not([data-laid])")) {
    if (pre.parentElement.closest("details").open) layOut(pre);
  }
}, true);

if (matchMedia("(max-width: 60rem)").matches) document.querySelector("nav details").open = false;
reveal();
