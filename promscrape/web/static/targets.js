// Fills in the page of targets: fetches them, filters them, and draws the rows that are looked at.
//
// Thousands of targets are drawn a piece at a time: a pool's rows when it is opened, the first
// ROWS_AT_A_TIME of them, and more when the end of the table comes into view. Labels, URLs and
// errors come from strangers: they are only ever set as text.

const REFRESH_MS = 15_000;
const RETRY_MS = 5_000;
const ROWS_AT_A_TIME = 60;
const OPEN_ALL_UP_TO = 150;
const HEALTH_ORDER = { down: 0, unknown: 1, up: 2 };

const byId = (id) => document.getElementById(id);
const app = byId("app");
const form = byId("filters");
const controls = { text: byId("text"), pool: byId("pool"), live: byId("live"), toggleAll: byId("toggle-all") };
const number = new Intl.NumberFormat("en");

const state = {
  pools: [], // as fetched, each target with `haystack` added
  nowMs: 0, // the daemon's clock when they were made
  fetchedAt: 0, // this page's clock at the same time
  opened: new Map(), // pool name -> whether a person opened or closed it
};

let timer = 0;

// Filters.

function filters() {
  const data = new FormData(form);
  return {
    words: String(data.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean),
    health: String(data.get("health") ?? ""),
    pool: String(data.get("pool") ?? ""),
  };
}

function matches(target, wanted) {
  return (
    (!wanted.health || target.health === wanted.health) &&
    wanted.words.every((word) => target.haystack.includes(word))
  );
}

function filtersFromLocation() {
  const query = new URLSearchParams(location.search);
  controls.text.value = query.get("q") ?? "";
  const health = [...form.elements.health].find((radio) => radio.value === query.get("health"));
  if (health) health.checked = true;
  return query.get("pool") ?? "";
}

function filtersToLocation() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) query.set(name, value);
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

// Texts.

function ago(tMs) {
  const seconds = Math.max(0, (state.nowMs + performance.now() - state.fetchedAt - tMs) / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s ago`;
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

function took(seconds) {
  return seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(2)} s`;
}

function isWeb(url) {
  // `__scheme__` can be set by whoever writes a target's labels; `javascript:` is a scheme, too.
  return /^https?:\/\//i.test(url);
}

// Rows.

function label(name, value) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "label";
  chip.textContent = `${name}="${value}"`;
  chip.title = "Filter by this label";
  return chip;
}

function newRow(target) {
  const made = byId("row-template").content.firstElementChild.cloneNode(true);
  const link = made.querySelector("a");
  link.textContent = target.url;
  if (isWeb(target.url)) link.href = target.url;
  made.querySelector(".labels").append(...Object.entries(target.labels).map(([k, v]) => label(k, v)));
  made.querySelector(".every").textContent = target.interval;
  made.querySelector(".every").title = `timeout ${target.timeout}`;
  return made;
}

function listItem(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function fillRow(made, target) {
  const badge = made.querySelector(".badge");
  badge.textContent = target.health;
  badge.className = `badge ${target.health}`;
  const error = made.querySelector(".error");
  error.textContent = target.error;
  error.hidden = !target.error;
  const leftOut = made.querySelector(".left-out");
  leftOut.firstElementChild.textContent = target.left_out;
  leftOut.lastElementChild.replaceChildren(...target.bad_lines.map(listItem));
  leftOut.hidden = !target.left_out;
  const time = made.querySelector("time");
  if (target.t_ms === null) {
    time.textContent = "not yet";
    return;
  }
  time.dateTime = new Date(target.t_ms).toISOString();
  time.title = new Date(target.t_ms).toLocaleString();
  time.dataset.tMs = target.t_ms;
  time.textContent = ago(target.t_ms);
  made.querySelector(".took").textContent = took(target.duration_s);
  made.querySelector(".samples").textContent = number.format(target.samples);
}

// Puts the elements into the parent and moves only those that stand elsewhere: the focus and the
// place that is looked at stay.
function place(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
}

// The rows of one pool: as many as were looked at, more when the last one comes into view.
class Rows {
  constructor(body) {
    this.body = body;
    this.targets = [];
    this.drawn = 0;
    this.elements = new Map(); // target's key -> row
    this.more = document.createElement("tr");
    this.more.className = "more";
    this.more.insertCell().colSpan = 7;
    this.sight = new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) this.draw(this.drawn + ROWS_AT_A_TIME);
    }, { rootMargin: "600px" });
  }

  show(targets) {
    this.targets = targets;
    this.draw(Math.max(this.drawn, ROWS_AT_A_TIME));
  }

  draw(count) {
    const shown = this.targets.slice(0, count);
    const elements = new Map();
    for (const target of shown) {
      const element = this.elements.get(target.key) ?? newRow(target);
      fillRow(element, target);
      elements.set(target.key, element);
    }
    this.elements = elements;
    this.drawn = shown.length;
    this.sight.disconnect();
    const left = this.targets.length - this.drawn;
    this.more.firstElementChild.textContent = `${number.format(left)} more…`;
    place(this.body, left ? [...elements.values(), this.more] : [...elements.values()]);
    if (left) this.sight.observe(this.more);
  }

  clear() {
    this.sight.disconnect();
    this.body.replaceChildren();
    this.elements = new Map();
    this.drawn = 0;
  }
}

// Pools.

class Pool {
  constructor(name) {
    this.name = name;
    this.element = byId("pool-template").content.firstElementChild.cloneNode(true);
    this.button = this.element.querySelector("button");
    this.element.querySelector(".name").textContent = name;
    this.rows = new Rows(this.element.querySelector("tbody"));
    this.targets = [];
    const id = `pool-${Pool.made++}`;
    this.content = this.element.querySelector(".scroll");
    this.content.id = id;
    this.button.setAttribute("aria-controls", id);
    this.button.addEventListener("click", () => {
      state.opened.set(name, !this.isOpen);
      this.open(!this.isOpen);
      updateToggleAll();
    });
  }

  get isOpen() {
    return this.button.getAttribute("aria-expanded") === "true";
  }

  open(isOpen) {
    this.button.setAttribute("aria-expanded", String(isOpen));
    this.content.hidden = !isOpen;
    if (isOpen) this.rows.show(this.targets);
    else this.rows.clear();
  }

  say(selector, text) {
    this.element.querySelector(selector).textContent = text;
  }

  update(pool, targets, isOpen) {
    this.targets = targets;
    const counts = countHealth(pool.targets);
    for (const health of ["up", "unknown", "down"]) {
      const part = this.element.querySelector(`.bar .${health}`);
      part.style.flexGrow = String(counts[health]);
      part.style.minWidth = counts[health] ? "4px" : "0"; // one of a thousand is still seen
    }
    this.say(".ups", `${number.format(counts.up)} of ${number.format(pool.targets.length)} up`);
    this.say(".counts .down", counts.down ? `${number.format(counts.down)} down` : "");
    this.say(".dropped", pool.dropped ? `${number.format(pool.dropped)} dropped` : "");
    this.open(isOpen);
  }
}
Pool.made = 0;
const drawnPools = new Map(); // name -> Pool

function countHealth(targets) {
  const counts = { up: 0, down: 0, unknown: 0 };
  for (const target of targets) counts[target.health] += 1;
  return counts;
}

function isOpenByDefault(pool, wanted, total) {
  const isFiltered = wanted.words.length || wanted.health || wanted.pool;
  return Boolean(isFiltered) || total <= OPEN_ALL_UP_TO;
}

function draw() {
  const wanted = filters();
  const total = state.pools.reduce((sum, pool) => sum + pool.targets.length, 0);
  const shown = [];
  let shownTargets = 0;
  for (const pool of state.pools) {
    if (wanted.pool && pool.name !== wanted.pool) continue;
    const targets = pool.targets.filter((target) => matches(target, wanted));
    if (!targets.length && (wanted.words.length || wanted.health)) continue;
    const drawn = drawnPools.get(pool.name) ?? new Pool(pool.name);
    drawnPools.set(pool.name, drawn);
    drawn.update(pool, targets, state.opened.get(pool.name) ?? isOpenByDefault(pool, wanted, total));
    shown.push(drawn.element);
    shownTargets += targets.length;
  }
  for (const drawn of drawnPools.values()) if (!shown.includes(drawn.element)) drawn.rows.clear();
  place(byId("pools"), shown);
  drawCounts();
  updateToggleAll();
  const places = `${number.format(shown.length)} scrape pool${shown.length === 1 ? "" : "s"}`;
  say(total ? `${number.format(shownTargets)} of ${number.format(total)} targets in ${places}` : "No targets yet.");
}

function drawCounts() {
  const all = state.pools.flatMap((pool) => pool.targets);
  const counts = { all: all.length, ...countHealth(all) };
  for (const element of document.querySelectorAll("[data-count]")) {
    element.textContent = number.format(counts[element.dataset.count]);
  }
}

function drawPoolNames(chosen) {
  const names = state.pools.map((pool) => pool.name);
  const options = names.map((name) => new Option(name, name, false, name === chosen));
  controls.pool.replaceChildren(new Option("All scrape pools", ""), ...options);
}

function updateToggleAll() {
  const shown = [...drawnPools.values()].filter((pool) => pool.element.isConnected);
  const anyClosed = shown.some((pool) => !pool.isOpen);
  controls.toggleAll.textContent = anyClosed ? "Expand all" : "Collapse all";
}

function say(text, failed = false) {
  const summary = byId("summary");
  if (summary.textContent !== text) summary.textContent = text;
  summary.classList.toggle("failed", failed);
}

// Fetching.

function take(data, chosenPool) {
  for (const pool of data.pools) {
    for (const target of pool.targets) {
      const labels = Object.entries(target.labels).map(([name, value]) => `${name}="${value}"`);
      target.key = [target.url, ...labels].join("\n");
      target.haystack = [target.url, target.error, target.left_out, ...labels].join("\n").toLowerCase();
    }
    pool.targets.sort((a, b) => HEALTH_ORDER[a.health] - HEALTH_ORDER[b.health]);
  }
  state.pools = data.pools;
  state.nowMs = data.now_ms;
  state.fetchedAt = performance.now();
  const phase = byId("phase");
  phase.textContent = phase.dataset.phase = data.phase;
  drawPoolNames(chosenPool);
  draw();
  tick();
}

async function refresh(chosenPool = controls.pool.value) {
  clearTimeout(timer);
  let nextMs = REFRESH_MS;
  try {
    const response = await fetch(app.dataset.source, { cache: "no-store" });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    take(await response.json(), chosenPool);
  } catch (error) {
    say(`The targets cannot be fetched (${error.message}); trying again.`, true);
    nextMs = RETRY_MS;
  }
  timer = setTimeout(() => controls.live.checked && !document.hidden && refresh(), nextMs);
}

function tick() {
  if (document.hidden || !state.fetchedAt) return;
  for (const time of document.querySelectorAll("time[data-t-ms]")) {
    time.textContent = ago(Number(time.dataset.tMs));
  }
  const seconds = Math.round((performance.now() - state.fetchedAt) / 1000);
  byId("updated").textContent = `Updated ${seconds} s ago`;
}

// Wiring.

form.addEventListener("input", () => {
  filtersToLocation();
  draw();
});
form.addEventListener("submit", (event) => event.preventDefault());
controls.live.addEventListener("change", () => controls.live.checked && refresh());
controls.toggleAll.addEventListener("click", () => {
  const shown = [...drawnPools.values()].filter((pool) => pool.element.isConnected);
  const open = shown.some((pool) => !pool.isOpen);
  for (const pool of shown) {
    state.opened.set(pool.name, open);
    pool.open(open);
  }
  updateToggleAll();
});
byId("pools").addEventListener("click", (event) => {
  if (!event.target.matches("button.label")) return;
  controls.text.value = event.target.textContent;
  filtersToLocation();
  draw();
});
document.addEventListener("visibilitychange", () => !document.hidden && controls.live.checked && refresh());
setInterval(tick, 1000);
refresh(filtersFromLocation());
