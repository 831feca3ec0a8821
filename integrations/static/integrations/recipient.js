"use strict";
// The code follows the # of the link, so no server receives it: copy it into the form and hide its row.

const code = document.getElementById("id_code");

function takeCode() {
    const given = window.location.hash.slice(1);
    if (given) {
        code.value = given;
    }
    document.querySelector("[data-code-row]").hidden = Boolean(code.value);
}

takeCode();
window.addEventListener("hashchange", takeCode);
window.addEventListener("pageshow", () => { document.getElementById("id_passphrase").value = ""; });
