"use strict";
// Explains errors with passkeys, and browsers that do not support them.

const trouble = document.querySelector("[data-passkey-trouble]");
const WORDS = {
    NotAllowedError: "The passkey was not used: it was cancelled, timed out, or is not one of yours. Try again.",
    InvalidStateError: "This passkey is already added.",
    SecurityError: "Passkeys need https. Without it, they work only on this machine at localhost.",
};

function say(words) {
    trouble.textContent = words;
    trouble.hidden = false;
}

document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const { exception } = event.detail;
    say(WORDS[exception.name] || `The passkey could not be used (${exception.name}). Try again, or sign in another way.`);
});

// The server renders the button disabled: a click before allauth's script runs would submit the form without a passkey.
const button = document.querySelector("#use-passkey, #add-passkey");
if (window.PublicKeyCredential) {
    document.addEventListener("DOMContentLoaded", () => { button.disabled = false; }); // after allauth's own handler
} else {
    button.title = WORDS.SecurityError;
    if (button.id === "add-passkey") say(WORDS.SecurityError);
}
