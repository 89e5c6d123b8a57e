// Runs in <head>, before the first paint, so that a dark page never flashes white.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try {
      return localStorage.getItem("sketchmaker-theme");
    } catch {
      return null; // storage may be refused (private windows): then follow the system
    }
  };
  const apply = () => {
    root.dataset.bsTheme = remembered() ?? (system.matches ? "dark" : "light");
  };
  root.classList.add("has-js");
  apply();
  system.addEventListener("change", apply);

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const chosen = root.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("sketchmaker-theme", chosen);
    } catch {}
    root.dataset.bsTheme = chosen;
    document.dispatchEvent(new CustomEvent("sketchmaker:theme"));
  });
})();
