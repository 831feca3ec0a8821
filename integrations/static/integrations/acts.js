"use strict";
// A form that acts is sent once: a double click must not ask for a second secret.

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
    // The back button may bring the page out of the browser's memory, as it was left.
    window.addEventListener("pageshow", () => {
        delete form.dataset.sent;
        form.querySelectorAll("input[type=password]").forEach((field) => { field.value = ""; });
        buttons.forEach((button) => button.removeAttribute("aria-disabled"));
    });
}

// Where a form has two buttons, Enter in a field presses the one of the field's own part.
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
