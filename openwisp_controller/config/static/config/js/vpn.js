"use strict";

// Shows the fields that belong to the chosen backend of a VPN server.
(function () {
  const backend = document.getElementById("id_backend");
  if (!backend) {
    return;
  }
  const families = {
    ca: ["openvpn"],
    cert: ["openvpn"],
    public_key: ["wireguard"],
    webhook_endpoint: ["wireguard"],
    auth_token: ["wireguard", "zerotier"],
  };

  function update() {
    const path = backend.value.toLowerCase();
    Object.entries(families).forEach(function ([field, names]) {
      const row = document.querySelector(".field-" + field);
      if (row) {
        row.hidden = !names.some((name) => path.includes(name));
      }
    });
  }

  backend.addEventListener("change", update);
  update();
})();
