"use strict";
// Watches a job: moves its bar, and loads the page anew when there is something else to show.

const job = document.querySelector("[data-bulk]");
const EVERY = 1000; // milliseconds

async function look() {
    const bar = job.querySelector("[data-bar]");
    try {
        const answer = await fetch(job.dataset.url, {headers: {Accept: "application/json"}, redirect: "error"});
        const seen = await answer.json();
        if (seen.stage !== job.dataset.stage) {
            window.location.replace(window.location.pathname);
            return;
        }
        if (bar) {
            bar.value = seen.prepared;
            job.querySelector("[data-words]").textContent = seen.words;
        }
    } catch (away) {
        if (bar) {
            job.querySelector("[data-words]").textContent = "The portal does not answer just now. Trying again.";
        }
    }
    window.setTimeout(look, EVERY);
}

if (job && "watch" in job.dataset) {
    window.setTimeout(look, EVERY);
}
