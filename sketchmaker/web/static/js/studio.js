// The studio's form and feed. Without this script the form works as a plain one.
(() => {
  const byId = (id) => document.getElementById(id);
  const form = () => byId("studio-form");
  const prompt = () => byId("prompt");
  const key = () => byId("request-key");
  const button = () => byId("generate");
  const chosen = (name) => form().querySelector(`input[name=${name}]:checked`);
  const DEAD_TIME_MS = 700;
  const DRAFT = "sketchmaker-draft";
  const account = document.body.dataset.account;
  let isBusy = false;

  // --- what is said beside the button

  const say = (words, kind = "warning") => {
    const box = document.createElement("div");
    box.className = `alert alert-${kind}`;
    box.setAttribute("role", "alert");
    box.textContent = words;
    byId("notice").replaceChildren(box);
  };
  const sayNothing = () => byId("notice").replaceChildren();

  // --- one key for one order: it is kept until a field changes or the order has ended, so that a
  // second click, or a second try after a lost connection, is never a second order

  const newKey = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    key().value = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
    delete key().dataset.sent;
    keepDraft();
  };
  const cardOf = (order) => [...document.querySelectorAll(".job")].find((job) => job.dataset.order === order);
  const isAtWork = (job) => job.querySelector(".job-work").matches("[data-look=queued], [data-look=running]");
  const orderChanged = () => key().dataset.sent && newKey();

  // --- the draft: kept in this tab over reloads and signing in, for this account only

  const keepDraft = () => {
    const draft = {
      account,
      prompt: prompt().value,
      size: chosen("size").value,
      count: chosen("count").value,
      seed: byId("seed").value,
      sent: key().dataset.sent ? key().value : "",
    };
    try {
      sessionStorage.setItem(DRAFT, JSON.stringify(draft));
    } catch {} // storage may be refused: then there is no draft
  };
  const fill = ({ prompt: words, size, count, seed }) => {
    if (words !== undefined) prompt().value = words;
    for (const [name, value] of [["size", size], ["count", count]]) {
      const choice = value && form().querySelector(`input[name=${name}][value="${CSS.escape(value)}"]`);
      if (choice) choice.checked = true;
    }
    byId("seed").value = seed ?? "";
    if (seed) byId("advanced").open = true;
    show();
  };
  const restoreDraft = () => {
    let draft = null;
    try {
      draft = JSON.parse(sessionStorage.getItem(DRAFT));
    } catch {}
    if (draft?.account !== account) return;
    fill(draft);
    if (!draft.sent) return;
    key().value = draft.sent;
    key().dataset.sent = "yes";
  };

  // --- what the page shows of the form's state

  const length = () => [...prompt().value.normalize("NFC").trim()].length;
  const longest = () => Number(prompt().dataset.longest);
  const showLength = () => {
    const count = byId("prompt-count");
    count.textContent = `${length().toLocaleString("en")} of ${longest().toLocaleString("en")}`;
    count.classList.toggle("is-over", length() > longest());
  };
  const showButton = () => {
    const blocked = isBusy || byId("cost").dataset.canGenerate === "no";
    if (blocked) button().setAttribute("aria-disabled", "true");
    else button().removeAttribute("aria-disabled");
    button().toggleAttribute("data-busy", isBusy);
    button().querySelector("[data-label]").textContent = isBusy ? "Starting…" : "Generate";
  };
  const reprice = () => htmx.trigger("#cost", "reprice");
  const showPrice = () => {
    if (byId("cost").dataset.count !== chosen("count").value) reprice();
  };
  const showChip = () => {
    const size = chosen("size").parentElement.textContent.trim();
    document.querySelector("[data-chosen]").textContent = `${size} · ${chosen("count").value}`;
  };
  const show = () => {
    showLength();
    showChip();
    showPrice();
    showButton();
  };

  // --- sending

  const refusal = () => {
    if (length() <= longest()) return "";
    const over = (length() - longest()).toLocaleString("en");
    return `Your description is ${over} characters too long. Shorten it to ${longest().toLocaleString("en")}.`;
  };
  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    const problem = refusal();
    if (problem) {
      say(problem);
      prompt().focus();
    }
    if (problem || button().getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    sayNothing();
    isBusy = true;
    showButton();
  }, true);

  let wasOnline = true;
  let wasThere = false;
  document.addEventListener("htmx:before:request", (event) => {
    if (event.detail.ctx.sourceElement !== form()) return;
    wasOnline = navigator.onLine;
    wasThere = Boolean(cardOf(key().value));
    key().dataset.sent = "yes";
    keepDraft();
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement !== form() || !isBusy) return;
    setTimeout(() => {
      isBusy = false;
      showButton();
    }, DEAD_TIME_MS);
    if (ctx.response?.status === 200) orderIsIn();
  });
  const orderIsIn = () => {
    const card = cardOf(key().value);
    if (!card) {
      say("You ordered this already. Look for it here or in your gallery.", "info");
      newKey();
    } else if (wasThere) {
      say("This is already in progress. Change something to start another.", "info");
    }
    if (scrollY > 0) scrollTo({ top: 0 });
  };

  // --- answers that do not come. What is true differs: an order may have arrived, work goes on

  document.addEventListener("htmx:error", (event) => {
    const { ctx } = event.detail;
    if (!ctx) return;
    if (ctx.sourceElement.matches(".job-work")) setReconnecting(ctx.sourceElement, true);
    else if (ctx.sourceElement.matches("form")) {
      say(wasOnline
        ? "Connection lost. Your order may have arrived or not. Try again: it is never charged twice."
        : "You're offline. Nothing was sent or charged. Try again when you're back.");
    }
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement.matches(".job-work")) setReconnecting(ctx.sourceElement, ctx.response.status >= 500);
  });
  const setReconnecting = (work, isTrying) => {
    const line = work.querySelector(".job-offline");
    if (line) line.hidden = !isTrying;
  };

  // --- after every swap: what has come, and where the focus is

  const lookAtOrder = () => {
    const card = key().dataset.sent && cardOf(key().value);
    if (!card) return;
    byId("notice").querySelector(".alert-warning")?.remove(); // it did arrive
    if (!isAtWork(card)) newKey();
  };

  let focused = null;
  document.addEventListener("htmx:before:swap", () => {
    focused = document.activeElement?.closest(".job, #studio-form");
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (document.activeElement === document.body && focused?.isConnected && focused.matches(".job")) focused.focus();
    lookAtOrder();
    show();
    // What ended holds no credits any more, also where the number in the header stays the same.
    if (event.detail.ctx?.sourceElement.id !== "cost") reprice();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx?.response?.status !== 422) return;
    const wrong = form().querySelector("[aria-invalid=true]");
    wrong?.closest("details")?.setAttribute("open", "");
    wrong?.focus();
  });

  // --- fields and buttons

  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => {
      if (!event.target.closest("#studio-form")) return;
      orderChanged();
      keepDraft();
      show();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target !== prompt()) return;
    event.preventDefault();
    if (!event.repeat) form().requestSubmit();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-fill]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { prompt: words, size, seed } = link.dataset;
    fill({ prompt: words ?? link.closest(".job").querySelector("[data-words]").textContent, size, seed, count: "1" });
    orderChanged();
    keepDraft();
    prompt().focus();
  });
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("#options-chip");
    if (!chip) return;
    const isOpen = byId("options").classList.toggle("is-open");
    chip.setAttribute("aria-expanded", String(isOpen));
  });
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    await copyText(byId(copy.dataset.copy).textContent);
    copy.dataset.copied = "yes";
    setTimeout(() => delete copy.dataset.copied, 1500);
  });
  const copyText = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const box = document.createElement("textarea"); // over plain http there is no clipboard
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  };

  // --- the beginning

  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelector("[data-command-key]").textContent = "⌘";
  if ("takesDraft" in form().dataset) restoreDraft();
  else {
    keepDraft();
    history.replaceState(null, "", location.pathname);
  }
  lookAtOrder();
  show();
  addEventListener("pageshow", show);
})();
