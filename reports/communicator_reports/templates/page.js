// Draw every chart once; they follow the width of the page by themselves, and the colour of its text.
const OPTIONS = {
  config: CONFIG,
  renderer: "svg",
  actions: { export: true, source: false, compiled: false, editor: false },
  tooltip: { theme: "custom" },
};
const drawn = Object.entries(CHARTS).map(([name, spec]) =>
  vegaEmbed("#" + CSS.escape(name), { ...spec, autosize: { type: "fit-x", contains: "padding" } }, OPTIONS));

// Search: what does not have all of the words is hidden; a table keeps the rows that have them.
const blocks = [...document.querySelectorAll("main > section > :not(h2), main > section > ul > li")].filter((x) => x.tagName !== "UL");
const said = new Map(blocks.map((block) => [block, block.textContent.toLowerCase()]));
const field = document.querySelector(".search input");
function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.includes(word));
  let shown = 0;
  for (const [block, text] of said) {
    block.hidden = !has(text);
    shown += !block.hidden;
    const rows = [...block.querySelectorAll("tbody tr")];
    const some = words.length > 0 && rows.some((row) => has(row.textContent.toLowerCase()));
    for (const row of rows) row.hidden = some && !has(row.textContent.toLowerCase());
  }
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = !blocks.some((block) => section.contains(block) && !block.hidden);
  }
  document.querySelector(".search output").textContent = words.length ? `${shown} of ${blocks.length} parts` : "";
}
field.addEventListener("input", search);
field.form.addEventListener("submit", (event) => event.preventDefault());

Promise.all(drawn).then(
  () => { document.documentElement.dataset.charts = "drawn"; },
  (error) => { document.documentElement.dataset.charts = "failed"; throw error; },
);
