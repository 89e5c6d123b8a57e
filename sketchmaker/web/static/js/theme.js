// Runs in <head>, before the first paint, so that a dark page never flashes white.
(() => {
  const KEY = "sketchmaker-theme";
  const ORDER = ["system", "light", "dark"];
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  let choice = "system";
  try {
    const kept = localStorage.getItem(KEY);
    if (ORDER.includes(kept)) choice = kept;
  } catch {} // storage may be refused (private windows): then follow the system

  const next = () => ORDER[(ORDER.indexOf(choice) + 1) % ORDER.length];
  const label = () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      const words = `Theme: ${choice}. Switch to ${next()}`;
      button.setAttribute("aria-label", words);
      button.title = words;
    }
  };
  const apply = () => {
    root.dataset.themeChoice = choice;
    root.dataset.bsTheme = choice === "system" ? (prefersDark.matches ? "dark" : "light") : choice;
    label();
    document.dispatchEvent(new CustomEvent("sketchmaker:theme"));
  };
  root.classList.add("has-js");
  apply();
  document.addEventListener("DOMContentLoaded", label);
  prefersDark.addEventListener("change", apply);

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    choice = next();
    try {
      localStorage.setItem(KEY, choice);
    } catch {}
    apply();
  });
  // Another tab has chosen.
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    choice = ORDER.includes(event.newValue) ? event.newValue : "system";
    apply();
  });
})();
