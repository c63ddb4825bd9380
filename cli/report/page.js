"use strict";
// Draws the plots of the page, in the colours of its style sheet; again where the reader changes the scheme.
(() => {
  const plots = JSON.parse(document.getElementById("plots").textContent);

  const coloured = (value, style) => {
    if (typeof value === "string") {
      return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) return value.map((entry) => coloured(entry, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, coloured(entry, style)]));
  };

  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const options = { displayModeBar: false, responsive: true };
    const drawn = Object.entries(plots).map(([id, plot]) => {
      const { data, layout } = coloured(plot, style);
      return Plotly.react(document.getElementById(id), data, layout, options);
    });
    return Promise.all(drawn).then(() => document.documentElement.setAttribute("data-drawn", "yes"));
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
