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

// In a form with two buttons, Enter presses the button in the same part of the form as the field.
function pressOwnButton(event) {
    const field = event.target;
    if (event.key !== "Enter" || event.isComposing || field.tagName !== "INPUT" || field.type === "submit") {
        return;
    }
    event.preventDefault();
    const part = field.closest(".onp-link") || field.form;
    field.form.requestSubmit(part.querySelector("input[type=submit]"));
}

document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("form:has(.onp-link)").forEach((form) => {
    form.addEventListener("keydown", pressOwnButton);
});
