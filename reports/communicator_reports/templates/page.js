// Draw every chart once; they follow the width of the page by themselves, and the colour of its text.
const OPTIONS = {
  config: CONFIG,
  renderer: "svg",
  actions: { export: true, source: false, compiled: false, editor: false },
  tooltip: { theme: "custom" },
};
const drawn = Object.entries(CHARTS).map(([name, spec]) =>
  vegaEmbed("#" + CSS.escape(name), { ...spec, autosize: { type: "fit-x", contains: "padding" } }, OPTIONS));
Promise.all(drawn).then(
  () => { document.documentElement.dataset.charts = "drawn"; },
  (error) => { document.documentElement.dataset.charts = "failed"; throw error; },
);
