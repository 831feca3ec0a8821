"use strict";
// The fields that complete what is typed have no name for a screen reader; their label's is given to them.

function nameField(label) {
    const container = `select2-${label.htmlFor}-container`;
    const shown = document.querySelector(`[aria-labelledby="${container}"]`);
    if (!shown) return;
    // What it shows is a part of the field, no field of its own.
    ["role", "aria-readonly"].forEach((name) => document.getElementById(container).removeAttribute(name));
    label.id = label.id || `label-of-${label.htmlFor}`;
    shown.setAttribute("aria-labelledby", `${label.id} ${container}`);
}

function nameFields() {
    document.querySelectorAll("label[for]").forEach(nameField);
}

// They are built some time after the page was loaded, and no event says when.
document.querySelectorAll("select.admin-autocomplete").forEach((select) => {
    new MutationObserver(nameFields).observe(select.parentElement, { childList: true });
});
nameFields();
