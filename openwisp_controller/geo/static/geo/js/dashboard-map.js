// The map on the first page: places of devices, those close to each other put together, coloured by status, live.
"use strict";

(() => {
  const COLOURS = {
    error: "#a72d1d", modified: "#ffb442", applied: "#267126", deactivating: "#353c44", deactivated: "#000",
    unknown: "#8a8f98",
  };
  const CELL = 70; // pixels of the screen within which places are put together
  const REFRESH = 60000;
  const LISTED = 8;

  const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

  function sum(places) {
    const result = {};
    for (const place of places) {
      for (const [status, count] of Object.entries(place.counts)) result[status] = (result[status] || 0) + count;
    }
    return result;
  }

  function ring(counts) {
    const all = total(counts) || 1;
    let from = 0;
    const parts = Object.keys(COLOURS).filter((status) => counts[status]).map((status) => {
      const to = from + (360 * counts[status]) / all;
      const part = `${COLOURS[status]} ${from}deg ${to}deg`;
      from = to;
      return part;
    });
    return parts.length ? `conic-gradient(${parts.join(", ")})` : COLOURS.unknown;
  }

  class DeviceMap {
    constructor(section) {
      this.section = section;
      this.data = section.dataset;
      this.statuses = JSON.parse(this.data.statuses);
      this.places = new Map();
      this.markers = new Map();
      this.map = null;
    }

    async load() {
      const found = new Map();
      for (let after = ""; after !== null;) {
        const answer = await fetch(`${this.data.url}?after=${after}`, { headers: { Accept: "application/json" } });
        if (!answer.ok) return;
        const page = await answer.json();
        for (const [id, lng, lat, name, address, counts] of page.places) {
          found.set(id, { id, lng, lat, name, address, counts });
        }
        after = page.next;
      }
      this.places = found;
      this.section.hidden = !found.size;
      if (!found.size) return;
      if (!this.map) this.open();
      this.draw();
    }

    open() {
      // Leaflet drops whatever asks for another zoom while it is animating one, such as a click on a cluster.
      const options = { worldCopyJump: true, maxZoom: 19, minZoom: 1, zoomAnimation: false };
      this.map = L.map(this.section.querySelector(".map"), options);
      if (this.data.tiles) L.tileLayer(this.data.tiles, { attribution: this.data.attribution, maxZoom: 19 }).addTo(this.map);
      this.layer = L.layerGroup().addTo(this.map);
      const bounds = L.latLngBounds([...this.places.values()].map((place) => [place.lat, place.lng]));
      this.map.fitBounds(bounds, { padding: [40, 40], maxZoom: 15 });
      this.map.on("zoomend moveend", () => this.draw());
      this.map.getContainer().addEventListener("keydown", ({ key }) => { if (key === "Escape") this.map.closePopup(); });
    }

    draw() {
      const cells = new Map();
      const seen = this.map.getBounds().pad(0.2);
      for (const place of this.places.values()) {
        if (!seen.contains([place.lat, place.lng])) continue;
        const point = this.map.project([place.lat, place.lng]);
        const cell = this.map.getZoom() >= 19 ? place.id : `${Math.floor(point.x / CELL)} ${Math.floor(point.y / CELL)}`;
        if (!cells.has(cell)) cells.set(cell, []);
        cells.get(cell).push(place);
      }
      // markers that stay the same stay: with the focus that they have, and a click that is under way
      const markers = new Map();
      for (const places of cells.values()) {
        const key = JSON.stringify(places);
        markers.set(key, this.markers.get(key) ?? this.marker(places).addTo(this.layer));
      }
      for (const [key, marker] of this.markers) if (!markers.has(key)) this.layer.removeLayer(marker);
      this.markers = markers;
      const counts = sum(this.places.values());
      this.section.querySelector(".legend").replaceChildren(...Object.keys(COLOURS).filter((each) => counts[each]).map((each) => {
        const item = document.createElement("li");
        const spot = document.createElement("span");
        spot.style.background = COLOURS[each];
        item.append(spot, `${this.statuses[each]}: ${counts[each]}`);
        return item;
      }));
    }

    marker(places) {
      const counts = sum(places);
      const count = total(counts);
      const size = places.length > 1 ? Math.min(60, 32 + 6 * Math.log2(count + 1)) : count > 1 ? 30 : 20;
      const shown = document.createElement("div");
      shown.className = "cluster" + (count > 1 ? "" : " single");
      shown.style.cssText = `width: ${size}px; height: ${size}px`;
      shown.style.background = ring(counts);
      if (count > 1) {
        const number = document.createElement("b");
        number.textContent = count;
        shown.append(number);
      }
      const title = places.length > 1 ? `${places.length} ${this.data.places}, ${count} ${this.data.devices}` : places[0].name;
      const at = [places.reduce((all, each) => all + each.lat, 0) / places.length,
                  places.reduce((all, each) => all + each.lng, 0) / places.length];
      const icon = L.divIcon({ html: shown, className: "", iconSize: [size, size] });
      // Leaflet moves the map to whatever gets the focus, also under a button of the mouse that is just being pressed
      const marker = L.marker(at, { icon, title, alt: title, riseOnHover: true, autoPanOnFocus: false });
      marker.on("add", () => marker.getElement().addEventListener("focus", ({ target }) => {
        if (target.matches(":focus-visible")) this.map.panInside(at, { padding: [size, size] });
      }));
      const act = () => (places.length > 1 ? this.enter(places) : this.tell(places[0]));
      marker.on("click", act);
      marker.on("keypress", ({ originalEvent }) => { if (originalEvent.key === "Enter") act(); });
      return marker;
    }

    enter(places) {
      const bounds = L.latLngBounds(places.map((place) => [place.lat, place.lng]));
      if (bounds.getNorthEast().equals(bounds.getSouthWest())) this.map.setView(bounds.getCenter(), 19);
      else this.map.fitBounds(bounds, { padding: [60, 60], maxZoom: 19 });
    }

    async tell(place) {
      const text = document.createElement("div");
      const link = (address, name) => Object.assign(document.createElement("a"), { href: address, textContent: name });
      text.append(link(`${this.data.location}${place.id}/change/`, place.name));
      if (place.address) text.append(Object.assign(document.createElement("div"), { textContent: place.address }));
      const list = document.createElement("ul");
      text.append(list);
      const popup = L.popup({ maxWidth: 280 }).setLatLng([place.lat, place.lng]).setContent(text).openOn(this.map);
      const answer = await fetch(`/api/v1/controller/location/${place.id}/device/`).catch(() => null);
      if (!answer?.ok) return;
      const found = await answer.json();
      const rows = found.results.slice(0, LISTED).map((device) => {
        const item = document.createElement("li");
        item.append(link(`${this.data.device}${device.id}/change/`, device.name));
        return item;
      });
      if (found.count > rows.length) {
        rows.push(Object.assign(document.createElement("li"), { textContent: `… ${found.count - rows.length} ${this.data.more}` }));
      }
      list.replaceChildren(...rows);
      popup.update();
    }

    follow(wait = 2000) {
      const protocol = location.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(`${protocol}//${location.host}/ws/loci/location/`);
      let next = Math.min(2 * wait, REFRESH);
      socket.onopen = () => { next = 2000; };
      socket.onmessage = (message) => this.moved(JSON.parse(message.data));
      socket.onclose = () => setTimeout(() => this.follow(next), wait);
    }

    moved(told) {
      const place = this.places.get(told.id);
      if (!place || told.geometry?.type !== "Point") return this.reload();
      [place.lng, place.lat] = told.geometry.coordinates;
      Object.assign(place, { name: told.name, address: told.address });
      this.draw();
    }

    reload() {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.load().catch(() => null), 1000);
    }
  }

  addEventListener("DOMContentLoaded", () => {
    const section = document.querySelector("#controller-map");
    if (!section) return;
    const shown = new DeviceMap(section);
    shown.load().catch(() => null);
    shown.follow();
    setInterval(() => { if (!document.hidden) shown.load().catch(() => null); }, REFRESH);
  });
})();
