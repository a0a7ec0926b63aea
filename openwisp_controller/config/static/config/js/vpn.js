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

  // What the configuration of a new server starts with.
  const examples = {
    openvpn: {
      openvpn: [{
        name: "server", mode: "server", proto: "udp", port: 1194, dev: "tun0", dev_type: "tun", tls_server: true,
        topology: "subnet", server: "10.8.0.0 255.255.255.0", keepalive: "10 60",
        ca: "ca.pem", cert: "cert.pem", key: "key.pem", dh: "dh.pem",
      }],
      files: ["ca", "cert", "key", "dh"].map((name) => ({
        path: name + ".pem", mode: "0600", contents: "{{ " + name + " }}",
      })),
    },
    vxlan: { wireguard: [{ name: "wg0", port: 51820 }], vxlan: [{ name: "vxlan0", vni: "" }] },
    wireguard: { wireguard: [{ name: "wg0", port: 51820 }] },
    zerotier: { zerotier: [{ private: true }] },
  };
  const texts = Object.fromEntries(
    Object.entries(examples).map(([name, example]) => [name, JSON.stringify(example, null, 4)]),
  );
  const config = document.getElementById("id_config");

  // Replaces an empty configuration, or the example of another backend, never what somebody wrote.
  function suggest(path) {
    const untouched = ["", "{}", "null", ...Object.values(texts)];
    const name = ["openvpn", "vxlan", "wireguard", "zerotier"].find((each) => path.includes(each));
    if (config && name && untouched.includes(config.value.trim())) {
      config.value = texts[name];
      config.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }

  function update() {
    const path = backend.value.toLowerCase();
    suggest(path);
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
