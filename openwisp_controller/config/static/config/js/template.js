"use strict";

// Shows the fields of VPN templates only for these.
(function () {
  const type = document.getElementById("id_type");
  if (!type) {
    return;
  }

  function update() {
    ["vpn", "auto_cert"].forEach(function (field) {
      const row = document.querySelector(".field-" + field);
      if (row) {
        row.hidden = type.value !== "vpn";
      }
    });
  }

  type.addEventListener("change", update);
  update();
})();
