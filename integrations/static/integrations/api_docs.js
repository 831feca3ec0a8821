"use strict";
// Shows the page to try the API in the colour scheme of the portal's pages: the person's choice, or that of the system.

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function setColours() {
    const chosen = localStorage.getItem("theme") || "auto";
    const isDark = chosen === "dark" || (chosen === "auto" && prefersDark.matches);
    document.documentElement.classList.toggle("dark-mode", isDark);
}

setColours();
prefersDark.addEventListener("change", setColours);
