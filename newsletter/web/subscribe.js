// Makes the form to subscribe more comfortable; it does all the same without. Nothing is loaded from elsewhere.
(() => {
  "use strict";
  const form = document.getElementById("subscribe");
  if (!form) return;

  // The reader's own time zone, unless they have chosen one.
  const zone = form.elements.namedItem("zone");
  if (zone.dataset.guess) {
    const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (guess) zone.value = guess;
  }

  // The puzzle (newsletter/core/work.py): a number whose SHA-256 with the challenge begins with so many zero bits.
  const K = new Uint32Array(64);
  const START = new Uint32Array(8);
  const fraction = (root) => Math.floor((root - Math.floor(root)) * 4294967296);
  for (let n = 2, found = 0; found < 64; n++) {
    let prime = true;
    for (let i = 2; i * i <= n && prime; i++) prime = n % i !== 0;
    if (!prime) continue;
    if (found < 8) START[found] = fraction(Math.sqrt(n));
    K[found++] = fraction(Math.cbrt(n));
  }
  const words = new Uint32Array(64);
  const turn = (word, by) => (word >>> by) | (word << (32 - by));

  // The first 32 bits of the SHA-256 (FIPS 180-4) of an ASCII text.
  const firstBits = (text) => {
    const length = text.length;
    const blocks = ((length + 8) >> 6) + 1;
    const state = START.slice();
    for (let block = 0; block < blocks; block++) {
      for (let i = 0; i < 16; i++) {
        let word = 0;
        for (let j = 0; j < 4; j++) {
          const at = block * 64 + i * 4 + j;
          word = (word << 8) | (at < length ? text.charCodeAt(at) : at === length ? 128 : 0);
        }
        words[i] = word;
      }
      if (block === blocks - 1) words[15] = length * 8;
      for (let i = 16; i < 64; i++) {
        const a = words[i - 15], b = words[i - 2];
        words[i] = words[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + words[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 64; i++) {
        const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + words[i]) | 0;
        const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      const sums = [a, b, c, d, e, f, g, h];
      for (let i = 0; i < 8; i++) state[i] += sums[i];
    }
    return state[0];
  };

  const challenge = form.elements.namedItem("challenge").value;
  const bits = Number(form.dataset.bits);
  const answer = form.elements.namedItem("work");
  let working = null;
  const solve = () => {
    working ??= new Promise((resolve) => {
      let number = 0;
      const some = () => {
        const end = performance.now() + 12;  // then the page may breathe
        do {
          for (let i = 0; i < 200; i++, number++) {
            if (bits === 0 || firstBits(`${challenge}:${number}`) >>> (32 - bits) === 0) {
              answer.value = String(number);
              resolve();
              return;
            }
          }
        } while (performance.now() < end);
        setTimeout(some, 0);
      };
      some();
    });
    return working;
  };
  form.addEventListener("focusin", solve, { once: true });
  form.addEventListener("submit", (event) => {
    if (answer.value || event.submitter?.formAction.includes("/preview")) return;
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    solve().then(() => {
      if (button) button.disabled = false;
      form.requestSubmit(button);
    });
  });

  // What it would have brought, as choices are made.
  const place = document.getElementById("foretaste");
  let waiting = 0;
  let asked = 0;
  const show = async () => {
    const mine = ++asked;
    const data = new FormData(form);
    data.delete("address");
    data.set("part", "yes");
    place.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(`/subscribe/preview${location.search}`, { method: "POST", body: new URLSearchParams(data) });
      const html = await response.text();
      if (mine === asked && response.ok) place.innerHTML = html;
    } finally {
      if (mine === asked) place.removeAttribute("aria-busy");
    }
  };
  form.addEventListener("input", (event) => {
    if (!["profiles", "keywords"].includes(event.target.name)) return;
    clearTimeout(waiting);
    waiting = setTimeout(show, event.target.name === "keywords" ? 700 : 150);
  });
})();
