"use strict";
// Gives autocompleting fields the name of their label for screen readers; they have none otherwise.

function nameField(label) {
    const container = `select2-${label.htmlFor}-container`;
    const shown = document.querySelector(`[aria-labelledby="${container}"]`);
    if (!shown) return;
    // The element with the shown value is a part of the field, not a field of its own.
    ["role", "aria-readonly"].forEach((name) => document.getElementById(container).removeAttribute(name));
    label.id = label.id || `label-of-${label.htmlFor}`;
    shown.setAttribute("aria-labelledby", `${label.id} ${container}`);
}

function nameFields() {
    document.querySelectorAll("label[for]").forEach(nameField);
}

// The fields are built after the page has loaded, without an event.
document.querySelectorAll("select.admin-autocomplete").forEach((select) => {
    new MutationObserver(nameFields).observe(select.parentElement, { childList: true });
});
nameFields();
