"use strict";
// The page that shows a secret once: copies and prints it, and clears it when the user leaves.

const page = document.querySelector("[data-handover]");
const statusLine = page.querySelector("[data-status]");

function select(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
}

// Pages without https have no navigator.clipboard; execCommand still works there.
async function copy(text, element) {
    if (navigator.clipboard) {
        try {
            await navigator.clipboard.writeText(text);
            return true;
        } catch (refused) {
            // Without the clipboard permission, execCommand may still work.
        }
    }
    select(element);
    document.addEventListener("copy", (event) => {
        event.clipboardData.setData("text/plain", text);
        event.preventDefault();
    }, {once: true});
    return document.execCommand("copy");
}

const copyButtons = page.querySelectorAll("[data-copy], [data-copy-all]");
copyButtons.forEach((each) => { each.dataset.words = each.querySelector("[data-label]").textContent; });

function say(button, done) {
    const name = button.dataset.name;
    statusLine.textContent = done ? `Copied ${name}.` : `Selected ${name}. Copy with the keyboard.`;
    copyButtons.forEach((each) => {
        const copied = done && each === button;
        each.classList.toggle("onp-copied", copied);
        each.querySelector("[data-label]").textContent = copied ? "Copied" : each.dataset.words;
    });
}

// Returns each value on a line of its own, after its name.
function allValues() {
    const rows = page.querySelectorAll(".onp-values > div");
    const line = (row) => `${row.querySelector("dt").textContent}: ${row.querySelector("[data-value]").textContent}`;
    return [...rows].map((row) => `${line(row)}\n`).join("");
}

function wipe() {
    page.querySelectorAll("[data-value]").forEach((value) => { value.textContent = ""; });
    window.getSelection().removeAllRanges();
    page.hidden = true;
    document.querySelector("[data-gone]").hidden = false;
}

page.querySelectorAll("[data-copy]").forEach((button) => {
    button.addEventListener("click", async () => {
        const value = document.getElementById(button.dataset.copy);
        say(button, await copy(value.textContent, value));
    });
});
page.querySelectorAll("[data-copy-all]").forEach((button) => {
    button.addEventListener("click", async () => {
        say(button, await copy(allValues(), page.querySelector(".onp-values")));
    });
});
page.querySelectorAll("[data-print]").forEach((button) => {
    button.addEventListener("click", () => window.print());
});
// The server renders these buttons disabled, because a click before this line would have no effect.
page.querySelectorAll("[data-copy], [data-copy-all], [data-print]").forEach((button) => { button.disabled = false; });

// A reload then opens the next page instead of submitting the form again.
window.history.replaceState(null, "", page.dataset.next);
window.addEventListener("pagehide", wipe);
window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
        window.location.replace(page.dataset.next);
    }
});
