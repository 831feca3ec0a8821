"use strict";
// Keeps a part of the page as it is now. The server sends it whole whenever it changed; when the link to it is lost the
// page says so and tries again, and what comes first then is the present state.

const SHORTEST = 500; // milliseconds before the next try; doubles, up to
const LONGEST = 10000;
const SIGNED_OUT = 4401;

function watch(section) {
    const figures = section.querySelector("[data-figures]");
    const link = section.querySelector("[data-link]");
    const said = section.querySelector("[data-said]"); // stays, so that a screen reader notices what is put into it
    const url = new URL(section.dataset.live, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    let pause = SHORTEST;

    function connect() {
        const socket = new WebSocket(url);
        socket.addEventListener("message", (event) => {
            pause = SHORTEST;
            say("");
            section.dataset.isLive = "yes";
            show(figures, JSON.parse(event.data).html);
            say(figures.querySelector("[data-sentence]")?.textContent.trim() ?? "", said);
        });
        socket.addEventListener("close", (event) => {
            delete section.dataset.isLive;
            if (event.code === SIGNED_OUT) {
                say("You are signed out, or may not see this any more. Load the page anew.");
                return;
            }
            say("The live link is lost: what you see may be old. Trying again.");
            setTimeout(connect, pause * (0.5 + Math.random()));
            pause = Math.min(pause * 2, LONGEST);
        });
    }

    function say(words, where = link) {
        if (where && where.textContent !== words) where.textContent = words;
    }

    connect();
}

function show(figures, html) {
    const key = figures.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const isOpen = Boolean(figures.querySelector("details[open]"));
    figures.innerHTML = html;
    if (isOpen) figures.querySelector("details")?.setAttribute("open", "");
    if (key) figures.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

document.querySelectorAll("[data-live]").forEach(watch);
