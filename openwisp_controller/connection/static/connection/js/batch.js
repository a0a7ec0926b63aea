"use strict";

// Keeps the page of a mass command up to date until it has ended: at each message, and every few seconds besides, for
// messages may be lost. What the server shows is put in the place of what is shown.
(function () {
  const EVERY = 3000;
  const SOON = 500;
  let live = document.getElementById("batch-live");
  let timer = null;
  let socket = null;

  function later(delay) {
    clearTimeout(timer);
    timer = setTimeout(refresh, delay);
  }

  async function refresh() {
    try {
      const answer = await fetch(window.location.href, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const news = page.getElementById("batch-live");
      if (answer.ok && news) {
        show(document.adoptNode(news));
      }
    } catch (error) {
      // the next round asks again
    }
    if (live.dataset.finished) {
      socket.close();
    } else {
      later(EVERY);
    }
  }

  /** Who has put the focus on a link or a button keeps it there. */
  function show(news) {
    const focused = live.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && [...live.querySelectorAll("a, button, [tabindex]")].indexOf(focused);
    if (live.innerHTML !== news.innerHTML) {
      live.replaceWith(news);
      live = news;
      if (focused) {
        live.querySelectorAll("a, button, [tabindex]")[place]?.focus({ preventScroll: true });
      }
    }
  }

  if (live.dataset.finished) {
    return;
  }
  socket = new WebSocket(window.location.origin.replace(/^http/, "ws") + live.dataset.socket);
  socket.onmessage = () => later(SOON);
  later(EVERY);
})();
