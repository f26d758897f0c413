// Follows Airflow's theme, which is a class of the page that this one is framed by. A classic
// script in the head, so that the first paint has it.
"use strict";
(() => {
  const follow = (outer) => {
    const { classList } = outer;
    const theme = ["dark", "light"].find((name) => classList.contains(name));
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  if (window.parent === window) return;
  try {
    const outer = window.parent.document.documentElement;
    follow(outer);
    new MutationObserver(() => follow(outer)).observe(outer, { attributeFilter: ["class"] });
  } catch (error) {
    // Framed by another origin, which may not be looked at: the system's theme holds.
    if (error.name !== "SecurityError") throw error;
  }
})();
