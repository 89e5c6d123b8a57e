// Small comforts of the account forms. Without scripts the forms work all the same.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-password-toggle]");
  if (!button) return;
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  button.firstElementChild.textContent = shown ? "Show" : "Hide";
});

// A password is sent from a password field, or the browser would offer it as a past entry elsewhere.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-password-toggle]")) {
    if (document.getElementById(button.getAttribute("aria-controls")).type === "text") button.click();
  }
});

for (const input of document.querySelectorAll("[data-time-zone]")) {
  try {
    input.value = Intl.DateTimeFormat().resolvedOptions().timeZone || input.value;
  } catch {} // the server's own choice stays
}

// A refused form comes back without its passwords, and those that were typed stay where they are.
document.addEventListener("htmx:after:swap", () => {
  const wrong = document.querySelector("[aria-invalid=true]") ?? document.querySelector("[role=alert]");
  wrong?.scrollIntoView({ block: "nearest" });
  wrong?.focus();
});
// No answer came: let the browser say so in its own way.
document.addEventListener("htmx:error", (event) => {
  const form = event.detail.ctx?.sourceElement;
  if (form?.matches("[data-keeps-typed]")) form.submit();
});
