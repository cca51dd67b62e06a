// Adds keys to pages that work without: "?" help, "/" search, "g" and a letter to go somewhere; says what is under way.
"use strict";
(() => {
  let leader = false;
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, textarea, select");
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    if (leader) {
      leader = false;
      const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
      }
    } else if (event.key === "g") {
      leader = true;
      setTimeout(() => (leader = false), 1500);
    } else if (event.key === "?") {
      location.assign("/help");
    } else if (event.key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });
  // A changed select of a filter form applies at once; without this script, the button does it.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-apply]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });
  // A chosen file is read into the field beside it, so that it is sent like what is pasted.
  for (const label of document.querySelectorAll("[data-scripted]")) label.hidden = false;
  document.addEventListener("change", async (event) => {
    const { into } = event.target.dataset;
    const file = into && event.target.files?.[0];
    if (file) event.target.form.elements[into].value = await file.text();
  });
  // What takes seconds says so; a page that comes back from the history says what it said before.
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button[data-busy]");
    if (!button || button.dataset.idle) return;
    button.dataset.idle = button.textContent;
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[data-idle]")) {
      button.textContent = button.dataset.idle;
      button.removeAttribute("aria-busy");
      delete button.dataset.idle;
    }
  });
})();
