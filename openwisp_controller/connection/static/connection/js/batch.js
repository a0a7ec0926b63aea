"use strict";

// Loads the page of a mass command again when there is news, until it has ended.
(function () {
  const data = document.getElementById("batch-data").dataset;
  if (data.finished) {
    return;
  }
  let waiting = null;
  function reload() {
    waiting = waiting || setTimeout(() => window.location.reload(), 1000);
  }
  const socket = new WebSocket(window.location.origin.replace(/^http/, "ws") + data.socket);
  socket.onmessage = reload;
  socket.onclose = () => setTimeout(reload, 3000);
})();
