"use strict";
// Closes the open filter of a list: by a click elsewhere, or by the Escape key.

function openFilters() {
    return document.querySelectorAll("details.onp-filter[open]");
}

document.addEventListener("click", (event) => {
    openFilters().forEach((filter) => {
        if (!filter.contains(event.target)) filter.open = false;
    });
});

document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    openFilters().forEach((filter) => {
        filter.open = false;
        filter.querySelector("summary").focus();
    });
});
