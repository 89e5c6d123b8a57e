// Small comforts; every page works without them.
(() => {
  // How much of the prompt's length is used.
  const count = (box) => {
    const counter = document.getElementById(box.dataset.counter);
    if (counter) counter.textContent = `${box.value.length} of ${box.maxLength}`;
  };
  document.querySelectorAll("[data-counter]").forEach(count);
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-counter]")) count(event.target);
  });

  // An example prompt fills the box instead of loading the page anew.
  document.addEventListener("click", (event) => {
    const example = event.target.closest("[data-example]");
    const box = example && document.querySelector("[data-counter]");
    if (!box || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    box.value = example.dataset.example;
    count(box);
    box.focus();
  });

  // Ctrl+Enter draws, as in other studios.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("[data-counter]")) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });

  // On a small screen the result is below the form: bring it into view once it is asked for.
  document.addEventListener("htmx:after:swap", () => {
    const result = document.querySelector("#result .generation");
    if (!result || result.dataset.seen) return;
    result.dataset.seen = "yes";
    if (result.getBoundingClientRect().top > innerHeight * 0.6) result.scrollIntoView({ block: "start" });
  });

  // A request that got no answer at all: say so, and keep what was typed.
  document.addEventListener("htmx:error", (event) => {
    const notice = document.getElementById("connection-lost");
    if (notice && event.detail?.ctx) notice.hidden = false;
  });
  document.addEventListener("htmx:after:request", () => {
    const notice = document.getElementById("connection-lost");
    if (notice) notice.hidden = true;
  });
})();
