"use strict";
// Keeps a part of the page current. The page's own URL returns that part alone, or 304 if it has not changed
// (integrations/staff/base/fragments.py). Only the differences are applied to the page, so the focus, a text selection
// and an opened <details> stay. A hidden tab sends no requests.

// Milliseconds. With 10,000 outlets a request costs the server 14 to 44 ms of CPU, also with a 304 response: a visible
// page uses at most 1.5 % of a core.
const EVERY = 3000;
const SHARE = 20; // the pause is at least this many times the duration of the last request: slow servers get fewer
const LONGEST = 30000; // milliseconds between two requests, even if the server is slow or failing
const TIMEOUT = 20000; // milliseconds
const LOST = "The portal is not responding. This page may be out of date. Retrying.";

function keepLive(part) {
    const words = document.createElement("p");
    words.className = "onp-lost";
    words.setAttribute("role", "status"); // stays in the page, so that screen readers announce its changes
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
        if (answer.status >= 500 || answer.status === 429) throw new Error("The portal is unavailable.");
        if (answer.status >= 400) return stop("This page is no longer available.", "Reload it");
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

// While a person fills in a field or has selected rows of a list, the part is not refreshed.
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
        // `open` stays: the person, not the server, opens and closes a <details>.
        if (!wanted.hasAttribute(name) && name !== "open") node.removeAttribute(name);
    }
    for (const {name, value} of wanted.attributes) {
        if (node.getAttribute(name) !== value) node.setAttribute(name, value);
    }
    patchChildren(node, wanted);
}

// Give a node the wanted children, and keep the existing elements that are still wanted.
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

// Return a key that identifies an element among its siblings across refreshes, or "".
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

// Django's script counts selected rows only among the rows at page load: pass it the current rows.
if (window.Actions) {
    const count = window.Actions;
    window.Actions = () => count(document.getElementsByName("_selected_action"));
}
document.querySelectorAll("[data-live]").forEach(keepLive);
