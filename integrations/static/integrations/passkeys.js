"use strict";
// Says in words what went wrong between the browser and a passkey, and that a browser has none.

const trouble = document.querySelector("[data-passkey-trouble]");
const WORDS = {
    NotAllowedError: "The passkey was not used: it was cancelled, took too long, or is not one of yours. Try again.",
    InvalidStateError: "This passkey is added already.",
    SecurityError: "Passkeys work only where the portal is reached by https, or on this machine by the name localhost.",
};

function say(words) {
    trouble.textContent = words;
    trouble.hidden = false;
}

document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const { exception } = event.detail;
    say(WORDS[exception.name] || `The passkey could not be used (${exception.name}). Try again, or use another way.`);
});

// The button comes disabled: a click before allauth listens to it would send a form without a passkey.
const button = document.querySelector("#use-passkey, #add-passkey");
if (window.PublicKeyCredential) {
    document.addEventListener("DOMContentLoaded", () => { button.disabled = false; }); // after allauth's own
} else {
    button.title = WORDS.SecurityError;
    if (button.id === "add-passkey") say(WORDS.SecurityError);
}
