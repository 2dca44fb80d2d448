// Loaded before anything is shown, so that nothing flashes: the reader's own theme, and that there are scripts.
"use strict";
(() => {
  const page = document.documentElement;
  let theme = null;
  try { theme = localStorage.getItem("cvdigest:theme"); } catch { /* a browser may keep nothing */ }
  if (theme === "light" || theme === "dark") page.dataset.theme = theme;
  page.classList.add("js");
})();
