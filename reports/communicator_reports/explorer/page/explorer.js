"use strict";
const one = (selector) => document.querySelector(selector);
const form = one("#filters"), body = one("tbody"), chosen = one("#candidates");
const AT_SENDER = ["ACCEPTED", "SENT", "ACKNOWLEDGED", "FAILED"], AT_RECEIVER = ["DELIVERED", "DUPLICATE"];
let offset = 0, total = 0, followed = null, asked = 0;

const ask = async (path, words) => {
  const answer = await fetch(`${path}?${new URLSearchParams(words)}`);
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
};
const option = (select, value, text) => select.append(new Option(text, value));
function clock(ms) {
  const pad = (n, size = 2) => String(n).padStart(size, "0");
  const s = Math.floor(ms / 1000);
  return `${Math.floor(s / 86400)} d ${pad(Math.floor(s / 3600) % 24)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}.${pad(ms % 1000, 3)}`;
}

function shown(row, meanings) {
  const line = document.createElement("tr");
  const cells = [clock(row.t_ms), row.kind, row.end, row.message, row.service, row.serial, row.position, row.via, row.value];
  for (const cell of cells) line.insertCell().textContent = cell ?? "";
  line.cells[1].title = meanings[row.kind] ?? "";
  line.dataset.number = row.number;
  const sender = AT_SENDER.includes(row.kind) ? row.end : AT_RECEIVER.includes(row.kind) ? row.end ^ 1 : null;
  if (sender !== null && row.end !== undefined && row.message !== undefined) {
    line.dataset.follow = `${sender}/${row.message}`;
    line.tabIndex = 0;
  }
  return line;
}

async function events() {
  const turn = ++asked;
  const words = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  const found = await ask("events", { ...words, offset });
  if (turn !== asked) return;
  total = found.total;
  body.replaceChildren(...found.rows.map((row) => shown(row, window.meanings)));
  const last = offset + found.rows.length;
  one("#count").textContent = total ? `${offset + 1} to ${last} of ${total}` : "nothing";
  one("#earlier").disabled = offset === 0;
  one("#later").disabled = last >= total;
  document.documentElement.dataset.turn = turn;
}

async function follow(end, message) {
  followed = [end, message];
  const eyes = form.elements.eyes.value;
  const found = await ask("story", { end, message, eyes });
  const whose = eyes ? ` as ${form.elements.eyes.selectedOptions[0].text} saw it` : "";
  one("#told").textContent = found.rows.length
    ? `Message ${message} of device ${end}${whose}: ${found.rows.length} events`
    : `Message ${message} of device ${end}: nothing of it was seen`;
  const numbers = new Set(found.rows.map((row) => String(row.number)));
  for (const line of body.rows) line.classList.toggle("here", numbers.has(line.dataset.number));
  one("#chart").replaceChildren();
  if (found.chart) {
    const spec = { ...found.chart, autosize: { type: "fit-x", contains: "padding" } };
    await vegaEmbed("#chart", spec, { config: CONFIG, renderer: "svg", actions: false });
  }
  document.documentElement.dataset.followed = `${end}/${message}/${eyes}`;
}

const again = () => { offset = 0; return Promise.all([events(), followed && follow(...followed)]); };
for (const name of ["input", "change"]) form.addEventListener(name, again);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(again));
for (const [name, step] of [["#earlier", -200], ["#later", 200]]) {
  one(name).addEventListener("click", () => { offset = Math.max(0, offset + step); events(); });
}
chosen.addEventListener("change", () => chosen.value && follow(...chosen.value.split("/").map(Number)));
const clicked = (event) => event.target.closest("[data-follow]")?.dataset.follow.split("/").map(Number);
body.addEventListener("click", (event) => { const which = clicked(event); if (which) follow(...which); });
body.addEventListener("keydown", (event) => { const which = event.key === "Enter" && clicked(event); if (which) follow(...which); });

(async () => {
  const run = await ask("run", {});
  one("#name").textContent = document.title = run.name;
  one("#about").textContent = `${run.events.toLocaleString("en")} events, ${run.people.length} people`;
  window.meanings = Object.fromEntries(run.kinds.map((kind) => [kind.kind, kind.meaning]));
  for (const kind of run.kinds) option(form.elements.kinds, kind.kind, `${kind.kind} (${kind.count})`);
  const eyes = form.elements.eyes, uri = (n) => (run.services[n] ? ` ${run.services[n]}` : "");
  option(eyes, "network", "the network");
  for (const n of run.sending) option(eyes, `sending service:${n}`, `sending service ${n}${uri(n)}`);
  for (const n of run.receiving) option(eyes, `receiving service:${n}`, `receiving service ${n}${uri(n)}`);
  for (const n of run.people) option(eyes, `correspondent:${n}`, `person ${n}`);
  for (const m of run.candidates) {
    const took = m.ms < 0 ? "not delivered" : `arrived after ${clock(m.ms)}`;
    option(chosen, `${m.end}/${m.message}`, `message ${m.message} of device ${m.end}: sent ${m.sent} times, ${took}`);
  }
  await events();
})();
