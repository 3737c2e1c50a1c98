// The page. Whatever comes from the server is put in as text, never as markup.
const $ = (id) => document.getElementById(id);
const el = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== "" && child !== false && child !== 0));
  return node;
};
const say = (text, busy = false) => { $("status").textContent = text; $("status").classList.toggle("busy", busy); };
const before = [];
let running = null;

// Tabs, by pointer and by arrow keys.
const tabs = [...document.querySelectorAll("[role=tab]")];
const show = (tab) => {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", chosen);
    one.tabIndex = chosen ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (tab.id === "tab-map" && !$("map").childElementCount) loadMap();
};
for (const tab of tabs) {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    show(next);
    next.focus();
  });
}

// Server-sent events of a POST.
async function* events(path, body, signal) {
  const reply = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal });
  if (!reply.ok) {
    const told = await reply.json().catch(() => null);
    throw new Error(told?.error?.message ?? `The server said ${reply.status}.`);
  }
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const parts = held.split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const line = part.split("\n").find((text) => text.startsWith("data: "));
      if (line) yield JSON.parse(line.slice(6));
    }
  }
}

// A citation opens the quote in its abstract.
const chip = (n, citation) => {
  const button = el("button", { className: "chip", type: "button", textContent: `[${n}]` });
  button.setAttribute("aria-label", `Source ${n}: ${citation?.title ?? "Untitled"}`);
  button.title = citation?.quote ?? "";
  button.addEventListener("click", () => open(citation, button));
  return button;
};
async function open(citation, from) {
  $("source-title").textContent = citation.title ?? "Untitled";
  $("source-where").textContent = citation.provenance.map((p) => `${p.file}#${p.ordinal}`).join(", ");
  $("source-text").replaceChildren(el("mark", { textContent: citation.quote }));
  $("source").showPopover();
  $("source-title").focus();
  $("source").addEventListener("toggle", (event) => event.newState === "closed" && from.focus(), { once: true });
  const reply = await fetch(`/api/entry/${encodeURIComponent(citation.id)}`);
  if (!reply.ok) return;
  const entry = await reply.json();
  const text = [...entry.abstract];
  const part = (start, end) => text.slice(start, end).join("");
  $("source-text").replaceChildren(part(0, citation.start), el("mark", { textContent: part(citation.start, citation.end) }), part(citation.end));
  const title = el("a", { textContent: citation.title ?? "Untitled", href: entry.url || `/paper/${encodeURIComponent(citation.id)}`, rel: "noopener noreferrer nofollow", target: "_blank" });
  $("source-title").replaceChildren(title);
}
$("source-close").addEventListener("click", () => $("source").hidePopover());

const claimNode = (claim, citations) => {
  const chips = claim.citations.map((n) => chip(n, citations.find((c) => c.n === n && (claim.support !== "quoted" || c.quote === claim.text)) ?? citations.find((c) => c.n === n)));
  return claim.support === "quoted" ? el("blockquote", {}, `“${claim.text}” `, ...chips) : el("span", {}, `${claim.text} `, ...chips, " ");
};
// Quotes of one paper stand under its title; a model's sentences make a paragraph.
const claimsNode = (claims, citations) => {
  const box = el("div");
  let last = null;
  for (const claim of claims) {
    if (claim.support !== "quoted") {
      if (!(box.lastChild instanceof HTMLParagraphElement)) box.append(el("p"));
      box.lastChild.append(claimNode(claim, citations));
      last = null;
      continue;
    }
    const n = claim.citations[0];
    if (n !== last) box.append(el("h3", { textContent: citations.find((c) => c.n === n)?.title ?? "Untitled" }));
    box.append(claimNode(claim, citations));
    last = n;
  }
  return box;
};
const tableNode = (citations) => {
  const rows = citations.map((c) => el("tr", {}, el("td", {}, chip(c.n, c)), el("th", { scope: "row", textContent: c.title ?? "Untitled" }), el("td", { textContent: c.quote })));
  const head = el("tr", {}, ...["", "Paper", "Why"].map((text) => el("th", { scope: "col", textContent: text })));
  return el("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Papers" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
};
const tools = (data, box) => {
  const copy = (name, text, type) => {
    const button = el("button", { type: "button", textContent: `Copy ${name}` });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      say(`Copied as ${name}.`);
    });
    return button;
  };
  const save = el("button", { type: "button", textContent: "Save page" });
  save.addEventListener("click", () => {
    const link = el("a", { href: URL.createObjectURL(new Blob([data.formats.html], { type: "text/html" })), download: "papers.html" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const buttons = [copy("Markdown", data.formats.markdown), copy("BibTeX", data.formats.bibtex), save];
  if (data.mode === "list" && data.citations.length) {
    const toggle = el("button", { type: "button", textContent: "As a table" });
    toggle.setAttribute("aria-pressed", "false");
    toggle.addEventListener("click", () => {
      const table = toggle.getAttribute("aria-pressed") === "false";
      toggle.setAttribute("aria-pressed", table);
      box.replaceChildren(table ? tableNode(data.citations) : claimsNode(data.claims, data.citations));
    });
    buttons.unshift(toggle);
  }
  return el("div", { className: "tools" }, ...buttons);
};
const nearNode = (nearest) => nearest.length && el("div", {}, el("p", { className: "soft", textContent: "Closest papers" }), el("ul", {}, ...nearest.map((e) => el("li", { textContent: (e.title ?? e.id) + (e.sentence ? `: “${e.sentence}”` : "") }))));
const failure = (error) => el("p", { className: "error", role: "alert", textContent: error.message });

$("ask-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const question = form.get("question").trim();
  if (!question || running) return;
  running = new AbortController();
  $("stop").hidden = false;
  const live = el("p");
  const item = el("li", {}, el("h2", { textContent: question }), live);
  $("turns").append(item);
  event.target.reset();
  say("Looking", true);
  try {
    const filters = Object.fromEntries(["year", "author", "venue"].map((name) => [name, form.get(name).trim()]).filter(([, text]) => text));
    for await (const told of events("/api/ask", { question, before, filters }, running.signal)) {
      if (told.error) throw new Error(told.error.message);
      if (told.sentence) live.append(`${told.sentence} `);
      if (told.answer) {
        const data = told.answer;
        before.push(question);
        const box = data.status === "abstained" ? el("div") : claimsNode(data.claims, data.citations);
        live.replaceWith(
          el("div", {}, data.understood && el("p", { className: "soft", textContent: `Understood as: ${data.understood}` }), data.headline && el("p", { className: "head", textContent: data.headline }), box, data.status === "abstained" && nearNode(data.nearest),
            ...data.notes.map((note) => el("p", { className: "soft", textContent: note })), tools(data, box)));
        say(data.status === "abstained" ? "Not answered by these papers." : `Answered from ${new Set(data.citations.map((c) => c.n)).size} papers in ${data.seconds.toFixed(1)} s.`);
      }
    }
  } catch (error) {
    live.replaceWith(error.name === "AbortError" ? el("p", { className: "soft", textContent: "Stopped." }) : failure(error));
    say("");
  } finally {
    running = null;
    $("stop").hidden = true;
    $("anew").hidden = !before.length;
    item.scrollIntoView({ block: "start" });
    $("question").focus({ preventScroll: true });
  }
});
$("stop").addEventListener("click", () => running?.abort());
$("anew").addEventListener("click", () => {
  before.length = 0;
  $("turns").replaceChildren();
  $("anew").hidden = true;
  say("");
  $("question").focus();
});

async function sumUp(topic, length) {
  say("Summing up", true);
  $("summary").replaceChildren();
  try {
    for await (const told of events("/api/summarize", { topic, length })) {
      if (told.error) throw new Error(told.error.message);
      if (!told.summary) continue;
      const data = told.summary;
      const part = (title, claims) => claims.length && el("section", { className: "theme" }, el("h2", { textContent: title }), claimsNode(claims, data.citations));
      const box = el("div", {}, el("p", { className: "head", textContent: data.headline }), part("Overview", data.overview), ...data.themes.map((t) => part(`${t.name} (${t.members.length})`, t.claims)),
        part("Against what others hold", data.disagreements), part("Open questions and limitations", data.limitations), data.status === "abstained" && nearNode(data.nearest),
        data.coverage_line && el("p", { className: "soft", textContent: data.coverage_line }), ...data.notes.map((note) => el("p", { className: "soft", textContent: note })));
      $("summary").replaceChildren(box, tools({ ...data, mode: "summary" }, box));
      say(data.status === "abstained" ? "Nothing to sum up." : `${data.coverage.cited} papers cited.`);
    }
  } catch (error) {
    $("summary").replaceChildren(failure(error));
    say("");
  }
}
$("topic-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  sumUp(form.get("topic").trim(), form.get("length"));
});

async function loadMap() {
  say("Drawing the map", true);
  try {
    const reply = await fetch("/api/topics");
    const data = await reply.json();
    if (!reply.ok) throw new Error(data.error.message);
    const themes = data.themes.map((t) => {
      const button = el("button", { type: "button", textContent: "Sum up" });
      button.setAttribute("aria-label", `Sum up ${t.name}`);
      button.addEventListener("click", () => {
        $("subject").value = t.phrases[0] ?? t.name;
        show($("tab-topic"));
        sumUp($("subject").value, "medium");
      });
      return el("section", { className: "theme" }, el("h2", { textContent: `${t.n}. ${t.name} (${t.size})` }), el("p", { className: "soft", textContent: t.phrases.join(", ") }), el("ul", {}, ...t.papers.slice(0, 3).map((p) => el("li", { textContent: p.title ?? p.id }))), button);
    });
    $("map").replaceChildren(el("p", {}, `${data.entries.toLocaleString()} papers in ${data.themes.length} themes. `, el("a", { href: "/map", target: "_blank", textContent: "Open the picture" })), ...themes);
    say("");
  } catch (error) {
    $("map").replaceChildren(failure(error));
    say("");
  }
}

fetch("/api/store").then((reply) => reply.json()).then((data) => {
  $("store").textContent = `${data.entries.toLocaleString()} papers${data.store === "sample" ? " (sample: digests written for this program)" : ""}${data.model ? `, written by ${data.model}` : ", quotes only"}`;
});
$("question").focus();
