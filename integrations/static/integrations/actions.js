"use strict";
// Submits an action's form only once: a double click must not create a second secret.

function sendOnce(form) {
    const buttons = form.querySelectorAll("input[type=submit]");
    form.addEventListener("submit", (event) => {
        if (form.dataset.sent) {
            event.preventDefault();
            return;
        }
        form.dataset.sent = "yes";
        buttons.forEach((button) => button.setAttribute("aria-disabled", "true"));
    });
    // The back button may restore the page from the browser's memory, with its form already submitted.
    window.addEventListener("pageshow", () => {
        delete form.dataset.sent;
        form.querySelectorAll("input[type=password]").forEach((field) => { field.value = ""; });
        buttons.forEach((button) => button.removeAttribute("aria-disabled"));
    });
}

document.querySelectorAll("form[data-once]").forEach(sendOnce);
