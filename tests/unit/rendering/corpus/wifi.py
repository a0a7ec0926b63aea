"""Radios and wireless interfaces."""

from __future__ import annotations

from typing import Any

from .case import Case, both, static

ENTERPRISE: dict[str, Any] = {
    "server": "10.0.0.1", "key": "radiuskey", "port": 1812, "acct_server": "10.0.0.2",
    "acct_server_port": 1813, "acct_interval": 300, "dae_client": "10.0.0.3", "dae_port": 3799,
    "dae_secret": "daesecret", "nasid": "nas",
}  # fmt: skip
PEAP: dict[str, Any] = {
    "eap_type": "peap", "auth": "EAP-MSCHAPV2", "identity": "me", "anonymous_identity": "x",
    "password": "pw", "ca_cert_usesystem": True, "altsubject_match": ["a"], "domain_match": ["b", "c"],
}  # fmt: skip
TLS: dict[str, Any] = {
    "eap_type": "tls", "auth": "EAP-TLS", "identity": "me", "ca_cert": "/ca", "client_cert": "/c",
    "priv_key": "/k", "priv_key_pwd": "pw", "subject_match": "s",
}  # fmt: skip
WPA3: dict[str, Any] = {"cipher": "ccmp", "ieee80211w": "2"}
MIXED: dict[str, Any] = {"cipher": "ccmp", "ieee80211w": "1"}
PSK: dict[str, Any] = {"key": "passphrase", "disabled": False}


def radio(protocol: str, channel: Any, width: int, **more: Any) -> dict[str, Any]:
    return {"name": "radio0", "protocol": protocol, "channel": channel, "channel_width": width, **more}


def wifi(mode: str = "access_point", name: str = "wlan0", mac: str = "", **more: Any) -> dict[str, Any]:
    interface: dict[str, Any] = {
        "name": name,
        "type": "wireless",
        "wireless": {"radio": "radio0", "mode": mode},
    }
    interface["wireless"].update({"ssid": "net"} if mode not in ("monitor", "802.11s") else {})
    interface["wireless"].update(more)
    return {**interface, "mac": mac} if mac else interface


def one(name: str, interface: dict[str, Any], *others: dict[str, Any]) -> list[Case]:
    return both(f"wifi {name}", {"interfaces": [interface, *others]})


def encrypted(protocol: str, mode: str = "access_point", **more: Any) -> list[Case]:
    extra = {"bssid": "00:11:22:33:44:55"} if mode == "adhoc" else {}
    extra.update({"mesh_id": "mesh"} if mode == "802.11s" else {})
    interface = wifi(mode, encryption={"protocol": protocol, **more}, **extra)
    label = f"wifi {mode} {protocol} {' '.join(f'{k}={v}' for k, v in more.items())}"
    return [Case(label, {"interfaces": [interface]})]


RADIOS = {
    "b": radio("802.11b", 1, 20),
    "g": radio("802.11g", 13, 20, country="IT", tx_power=10),
    "a": radio("802.11a", 36, 20),
    "n 2.4 GHz": radio("802.11n", 3, 20),
    "n 2.4 GHz wide": radio("802.11n", 8, 40),
    "n 2.4 GHz wide low": radio("802.11n", 2, 40),
    "n 5 GHz": radio("802.11n", 44, 40),
    "n 5 GHz upper": radio("802.11n", 48, 40),
    "n auto 2g": radio("802.11n", 0, 20, band="2g"),
    "n auto 5g": radio("802.11n", 0, 40, band="5g"),
    "n auto 11g": radio("802.11n", 0, 20, hwmode="11g"),
    "n auto 11a": radio("802.11n", 0, 40, hwmode="11a"),
    "ac 80": radio("802.11ac", 36, 80),
    "ac 160": radio("802.11ac", 0, 160),
    "ac 20 band": radio("802.11ac", 100, 20, band="5g"),
    "ax 2.4 GHz": radio("802.11ax", 6, 20),
    "ax 5 GHz": radio("802.11ax", 40, 80),
    "ax 6 GHz": radio("802.11ax", 37, 160, band="6g"),
    "ax auto": radio("802.11ax", 0, 40, band="2g"),
    "ad": radio("802.11ad", 2, 20, band="60g"),
    "ad without band": radio("802.11ad", 2, 20),
    "other driver": radio("802.11n", 3, 20, driver="ath9k"),
    "atheros": radio("802.11g", 3, 20, driver="atheros"),
    "htmode": radio("802.11n", 3, 20, htmode="NONE"),
    "disabled": radio("802.11n", 3, 20, disabled=True, phy="phy0"),
    "extras": radio("802.11n", 3, 20, diversity=True, antenna_gain=2, basic_rate=["6000", "12000"],
        noscan=False),
}  # fmt: skip

CASES: list[Case] = [
    *[case for name, value in RADIOS.items() for case in both(f"radio {name}", {"radios": [value]})],
    *both("two radios", {"radios": [RADIOS["b"], {**RADIOS["ac 80"], "name": "radio1"}]}),
    *one("access point", wifi()),
    *one("with address", {**wifi(), "addresses": [static("10.0.0.1")]}),
    *one("with mac and id", wifi(mac="00:11:22:33:44:55", id="my_ap")),
    *one("disabled", {**wifi(), "disabled": True}),
    *one("with network", {**wifi(network=["lan", "wan.1-2"]), "network": "x"}),
    *one("options", wifi(hidden=True, wmm=False, isolate=True, wds=True, rsn_preauth=True, macfilter="deny",
        maclist=["00:11:22:33:44:55", "00:11:22:33:44:66"], ack_distance=300, rts_threshold=1300,
        frag_threshold=1500, custom="x")),
    *one("zero thresholds", wifi(ack_distance=0, rts_threshold=0, frag_threshold=0)),
    *one("roaming", wifi(ieee80211r=True, ft_over_ds=False, ft_psk_generate_local=True, nasid="x",
        reassociation_deadline=2000)),
    *one("roaming off", wifi(ieee80211r=False, ft_over_ds=False, ft_psk_generate_local=True,
        reassociation_deadline=2000)),
    *one("in a bridge", wifi(), {"name": "lan", "type": "bridge", "bridge_members": ["wlan0", "eth0"]}),
    *one("in two bridges", wifi(), {"name": "lan", "type": "bridge", "bridge_members": ["wlan0"]},
        {"name": "br-b.c-d", "type": "bridge", "bridge_members": ["wlan0"],
        "addresses": [static("10.0.0.1")]}),
    *one("with an empty bridge", wifi(), {"name": "lan", "type": "bridge", "bridge_members": []}),
    *one("in a bridge but with network", wifi(network=["other"]), {"name": "lan", "type": "bridge",
        "bridge_members": ["wlan0"]}),
    *one("several", wifi(), wifi(name="wlan1", ssid="b"), wifi("station", name="wlan-2.1")),
    *one("station", wifi("station", bssid="00:11:22:33:44:55", wds=True)),
    *one("station without bssid", wifi("station", bssid="")),
    *one("adhoc", wifi("adhoc", bssid="00:11:22:33:44:55")),
    *one("monitor", wifi("monitor")),
    *one("mesh", wifi("802.11s", mesh_id="mesh0", mesh_fwding=True)),
    *one("unicode ssid", wifi(ssid="Café 📶 'x' \"y\"")),
    *encrypted("none"),
    *encrypted("wpa2_personal", **{**PSK, "disabled": True}),
    *encrypted("owe", ieee80211w="2"),
    *[c for p in ("wpa_personal", "wpa2_personal", "wpa_personal_mixed") for c in encrypted(p, **PSK)],
    *[c for x in ("auto", "ccmp", "tkip", "tkip+ccmp") for c in encrypted("wpa2_personal", **PSK, cipher=x)],
    *encrypted("wpa2_personal", **PSK, ieee80211w="1"),
    *encrypted("wpa3_personal", **PSK, **WPA3),
    *encrypted("wpa2_personal_mixed", **PSK, **MIXED),
    *encrypted("wps", wps_pushbutton=True, wps_label=False, wps_pin="12345670"),
    *[c for p in ("wep_open", "wep_shared") for c in encrypted(p, key="wepkey1234567")],
    *[c for p in ("wpa_enterprise", "wpa2_enterprise", "wpa_enterprise_mixed") for c in encrypted(p,
        **ENTERPRISE)],
    *encrypted("wpa2_enterprise", **ENTERPRISE, acct_secret="other", cipher="ccmp"),
    *encrypted("wpa3_enterprise", **ENTERPRISE, **WPA3),
    *encrypted("wpa2_enterprise_mixed", **ENTERPRISE, **MIXED),
    *[c for eap in (PEAP, TLS) for c in encrypted("wpa2_enterprise", "station", **eap)],
    *encrypted("wpa3_enterprise", "station", **TLS, **WPA3),
    *encrypted("wpa2_enterprise_mixed", "station", **PEAP, **MIXED),
    *encrypted("wpa2_personal", "station", **PSK),
    *encrypted("wpa2_personal", "adhoc", **PSK),
    *encrypted("wep_shared", "adhoc", key="abcde"),
    *encrypted("wpa3_personal", "802.11s", **PSK, **WPA3),
    *encrypted("none", "802.11s"),
]  # fmt: skip
