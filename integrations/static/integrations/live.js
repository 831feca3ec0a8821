"use strict";
// Keeps a part of the page as it is now. The page's own address answers with that part alone, or with 304 if it did not
// change (integrations/staff/base/fragments.py). Only what differs is changed in the page, so that the focus, a text
// selection and an opened <details> stay. Nothing is asked while the tab is hidden.

// Milliseconds. With 10,000 outlets a request costs the server 14 to 44 ms of CPU, answered by 304 or not: a page that is
// watched takes 1.5 % of a core at most.
const EVERY = 3000;
const SHARE = 20; // a slow server is asked less often: the pause is at least this many times the time it took
const LONGEST = 30000; // milliseconds between two requests, whatever the server does
const TIMEOUT = 20000; // milliseconds
const LOST = "The portal does not answer: what you see may be out of date. Trying again.";

function keepLive(part) {
    const words = document.createElement("p");
    words.className = "onp-lost";
    words.setAttribute("role", "status"); // stays, so that a screen reader notices what is put into it
    part.before(words);
    let etag = "";
    let failures = 0;
    let timer = 0;
    let isAsking = false;
    let isOver = Boolean(part.querySelector("[data-over]"));

    async function refresh() {
        clearTimeout(timer);
        if (isOver || isAsking) return;
        isAsking = true;
        const pause = isHeld(part) ? EVERY : await ask();
        isAsking = false;
        wait(pause);
    }

    function wait(pause) {
        if (!isOver && !document.hidden) timer = setTimeout(refresh, pause);
    }

    async function ask() {
        const began = performance.now();
        try {
            const answer = await fetch(location.href, {
                headers: {"X-Fragment": "yes", ...(etag && {"If-None-Match": etag})},
                redirect: "manual",
                cache: "no-store",
                signal: AbortSignal.timeout(TIMEOUT),
            });
            await take(answer);
            failures = 0;
            return Math.min(Math.max(EVERY, SHARE * (performance.now() - began)), LONGEST);
        } catch (lost) {
            say(LOST);
            failures += 1;
            return Math.min(EVERY * 2 ** (failures - 1), LONGEST) * (0.5 + Math.random());
        }
    }

    async function take(answer) {
        if (answer.type === "opaqueredirect") return stop("You are signed out.", "Sign in");
        if (answer.status >= 500 || answer.status === 429) throw new Error("The portal cannot answer now.");
        if (answer.status >= 400) return stop("This page is not available any more.", "Reload it");
        if (answer.status === 200) {
            const html = await answer.text();
            if (isHeld(part)) return;
            update(part, html);
            etag = answer.headers.get("ETag");
            isOver = Boolean(part.querySelector("[data-over]"));
        }
        say("");
    }

    function stop(sentence, label) {
        isOver = true;
        const link = document.createElement("a");
        link.href = location.pathname + location.search;
        link.textContent = label;
        words.replaceChildren(`${sentence} `, link);
    }

    function say(sentence) {
        if (words.textContent !== sentence) words.textContent = sentence;
    }

    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
    wait(EVERY);
}

// A person who fills something in, or selects rows of a list, finds it as it was.
function isHeld(part) {
    const focused = document.activeElement;
    return (part.contains(focused) && focused.matches("input, select, textarea")) ||
        Boolean(part.querySelector("input:checked"));
}

function update(part, html) {
    const focused = document.activeElement;
    const wanted = document.createElement("template");
    wanted.innerHTML = html;
    patchChildren(part, wanted.content);
    if (focused !== document.activeElement && part.contains(focused)) focused.focus({preventScroll: true});
}

function patch(node, wanted) {
    if (node.isEqualNode(wanted)) return;
    if (node.nodeType !== Node.ELEMENT_NODE) {
        node.data = wanted.data;
        return;
    }
    for (const {name} of [...node.attributes]) {
        // Whether a <details> is open is for the reader to say.
        if (!wanted.hasAttribute(name) && name !== "open") node.removeAttribute(name);
    }
    for (const {name, value} of wanted.attributes) {
        if (node.getAttribute(name) !== value) node.setAttribute(name, value);
    }
    patchChildren(node, wanted);
}

// Make the children of a node those that are wanted, and keep each that is wanted still.
function patchChildren(node, wanted) {
    const keys = new Set([...wanted.children].map(keyOf));
    [...node.children].filter((child) => !keys.has(keyOf(child))).forEach((child) => child.remove());
    const keyed = new Map([...node.children].filter(keyOf).map((child) => [keyOf(child), child]));
    let at = node.firstChild;
    for (const child of [...wanted.childNodes]) {
        const known = keyed.get(keyOf(child));
        keyed.delete(keyOf(child));
        while (known && at && at !== known && !keyOf(at)) at = drop(at);
        const match = known || (at && isAlike(at, child) ? at : null);
        if (match && match === at) at = at.nextSibling;
        else node.insertBefore(match || child, at);
        if (match) patch(match, child);
    }
    while (at) at = drop(at);
}

// What says that an element stands for the same thing as before, among its siblings.
function keyOf(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return "";
    const link = ["TR", "LI"].includes(node.nodeName) && node.querySelector("a[href]");
    const path = link ? link.getAttribute("href").split("?")[0] : "";
    const key = node.dataset.key || node.id || node.getAttribute("aria-labelledby") || path;
    return key && `${node.nodeName} ${key}`;
}

function isAlike(node, other) {
    return node.nodeName === other.nodeName && keyOf(node) === keyOf(other);
}

function drop(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
}

// Django's script counts the selected rows among those that were there when the page was loaded: give it all that are.
if (window.Actions) {
    const count = window.Actions;
    window.Actions = () => count(document.getElementsByName("_selected_action"));
}
document.querySelectorAll("[data-live]").forEach(keepLive);
