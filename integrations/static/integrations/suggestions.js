"use strict";
// Fetches the suggestions of a field while a person types, if there are too many for the page. Without scripts, the
// exact name works.

const PAUSE = 200; // milliseconds without a key press

function searchWhileTyping(list) {
    const field = document.querySelector(`input[list="${list.id}"]`);
    if (!field) return;
    let timer = 0;
    let latest = "";
    async function search() {
        const text = latest = field.value;
        try {
            const answer = await fetch(`${list.dataset.search}?${new URLSearchParams({ q: text })}`);
            if (!answer.ok || answer.redirected || text !== latest) return;
            const { names } = await answer.json();
            list.replaceChildren(...names.map((name) => new Option(name, name)));
        } catch {
            // Offline, or not JSON: the suggestions stay as they are.
        }
    }
    field.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(search, PAUSE);
    });
}

document.querySelectorAll("datalist[data-search]").forEach(searchWhileTyping);
