"use strict";
// The page that shows a secret once: copy, print, and leave nothing behind.

const page = document.querySelector("[data-handover]");
const statusLine = page.querySelector("[data-status]");

function select(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
}

// Plain http has no navigator.clipboard; there the old way still works.
async function copy(element) {
    if (navigator.clipboard) {
        try {
            await navigator.clipboard.writeText(element.textContent);
            return true;
        } catch (refused) {
            // Without the permission the old way may do.
        }
    }
    select(element);
    return document.execCommand("copy");
}

function say(button, done) {
    const name = button.dataset.name;
    statusLine.textContent = done ? `Copied ${name}.` : `${name} is selected: copy it with the keyboard.`;
    page.querySelectorAll("[data-copy]").forEach((each) => {
        const copied = done && each === button;
        each.classList.toggle("onp-copied", copied);
        each.querySelector("[data-label]").textContent = copied ? "Copied" : "Copy";
    });
}

function wipe() {
    page.querySelectorAll("[data-value]").forEach((value) => { value.textContent = ""; });
    window.getSelection().removeAllRanges();
    page.hidden = true;
    document.querySelector("[data-gone]").hidden = false;
}

page.querySelectorAll("[data-copy]").forEach((button) => {
    button.addEventListener("click", async () => {
        say(button, await copy(document.getElementById(button.dataset.copy)));
    });
});
page.querySelectorAll("[data-print]").forEach((button) => {
    button.addEventListener("click", () => window.print());
});
// They come disabled: before this line a click would do nothing, and say nothing.
page.querySelectorAll("[data-copy], [data-print]").forEach((button) => { button.disabled = false; });

// A reload then asks for the page that comes next, and does not send the form again.
window.history.replaceState(null, "", page.dataset.next);
window.addEventListener("pagehide", wipe);
window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
        window.location.replace(page.dataset.next);
    }
});
