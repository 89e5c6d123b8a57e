// What every page does: stay true while other tabs act, and let go of what was said. Every page works without it.
(() => {
  const { body } = document;

  // A stale token: the person signed out and in again in another tab. The answer brings a fresh one;
  // the form is sent once more with it.
  const sentAgain = new WeakSet();
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    const fresh = ctx.response.headers.get("X-CSRFToken");
    const form = ctx.sourceElement;
    if (!fresh || sentAgain.has(form)) return;
    event.preventDefault();
    sentAgain.add(form);
    const headers = JSON.parse(body.getAttribute("hx-headers:inherited"));
    body.setAttribute("hx-headers:inherited", JSON.stringify({ ...headers, "X-CSRFToken": fresh }));
    for (const field of document.getElementsByName("csrf_token")) field.value = fresh;
    setTimeout(() => htmx.ajax("POST", form.action, { source: form }).finally(() => sentAgain.delete(form)));
  });

  // What was done is said once, and may be put away at once.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-dismiss]");
    if (!button) return;
    button.closest(".alert").remove();
    document.getElementById("content").focus({ preventScroll: true });
  });

  if (!body.dataset.account) return;

  // Credits and work may have changed while this tab was hidden, offline or put away, or by another tab.
  const refresh = () => {
    for (const element of document.querySelectorAll("[data-live]")) htmx.trigger(element, "refresh");
  };
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  addEventListener("online", refresh);
  addEventListener("pageshow", (event) => event.persisted && refresh());
  const otherTabs = new BroadcastChannel("sketchmaker");
  otherTabs.addEventListener("message", refresh);

  // A hidden page has nobody to tell: it asks again once it is seen.
  document.addEventListener("htmx:before:request", (event) => {
    const isPoll = event.detail.ctx.sourceEvent?.type === "every";
    if (isPoll && document.hidden) event.preventDefault();
  });

  // The number in the header never changes silently, here or in other tabs.
  const credits = () => document.querySelector("#balance .number")?.textContent;
  let known = credits();
  document.addEventListener("htmx:after:swap", () => {
    if (credits() === known) return;
    known = credits();
    document.getElementById("balance")?.classList.add("is-fresh");
    otherTabs.postMessage("credits");
  });

  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-sign-out]")) sessionStorage.removeItem("sketchmaker-draft");
  });
})();
