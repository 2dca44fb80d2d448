// What the pages of a site do beside being read: filters, keys, themes, read marks, copies. Nothing here is needed to read a
// page, nothing comes from another host, and no text ever becomes markup. The search of a site without a server is search.js.
"use strict";
(() => {
  const doc = document, page = doc.documentElement, home = new URL("..", doc.currentScript.src);
  const byId = (id) => doc.getElementById(id);
  const all = (selector, within = doc) => [...within.querySelectorAll(selector)];

  // An element with properties and children; a text among them stays one.
  function make(name, properties = {}, ...children) {
    const element = doc.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in element) element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  }

  // A browser may keep nothing, or have no room left: then this page forgets, and works all the same.
  const kept = {
    get(key) {
      try { return localStorage.getItem(`cvdigest:${key}`); } catch { return null; }
    },
    set(key, value) {
      try {
        if (value) localStorage.setItem(`cvdigest:${key}`, value);
        else localStorage.removeItem(`cvdigest:${key}`);
      } catch { /* see above */ }
    },
  };

  // -- theme ----------------------------------------------------------------------------------------------------------

  const themes = ["auto", "light", "dark"], themeButton = byId("theme");
  function showTheme(theme) {
    if (theme === "auto") delete page.dataset.theme;
    else page.dataset.theme = theme;
    if (themeButton) {
      themeButton.textContent = `Theme: ${theme}`;
      themeButton.hidden = false;
    }
  }
  let theme = themes.includes(kept.get("theme")) ? kept.get("theme") : "auto";
  showTheme(theme);
  themeButton?.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    kept.set("theme", theme === "auto" ? "" : theme);
    showTheme(theme);
  });

  // -- read marks -----------------------------------------------------------------------------------------------------

  const mostMarks = 20000;
  let marks = new Set();
  function loadMarks() {
    try {
      const list = JSON.parse(kept.get("read") ?? "[]");
      marks = new Set(Array.isArray(list) ? list.filter((id) => typeof id === "string") : []);
    } catch { marks = new Set(); }
  }
  const marked = (paper) => marks.has(paper.dataset.id);
  function showMark(paper) {
    paper.classList.toggle("read", marked(paper));
    for (const button of all("button.read", paper)) {
      button.setAttribute("aria-pressed", String(marked(paper)));
    }
  }
  function mark(own, read) {
    loadMarks(); // another tab may have marked some
    for (const { dataset: { id } } of own) {
      if (!read) marks.delete(id);
      else marks.add(id);
    }
    kept.set("read", JSON.stringify([...marks].slice(-mostMarks)));
    own.forEach(showMark);
    filter();
  }
  function toggle(paper) {
    loadMarks();
    mark([paper], !marked(paper));
  }
  const papers = () => all(".paper, .paper-page");
  loadMarks();
  addEventListener("storage", (event) => {
    if (event.key !== "cvdigest:read" && event.key !== null) return;
    loadMarks();
    papers().forEach(showMark);
    filter();
  });

  // Each section has a button for all of its papers that are shown.
  const sections = new Map();
  const shownIn = (own) => own.filter((paper) => !paper.hidden);
  function showSections() {
    for (const [section, button] of sections) {
      const says = shownIn(all(".paper", section)).every(marked) ? "Mark all unread" : "Mark all read";
      button.textContent = says;
      button.ariaLabel = `${says}: ${section.querySelector("h2").firstChild.textContent.trim()}`;
    }
  }
  for (const section of all(".list > section")) {
    if (!section.querySelector(".paper")) continue;
    const button = make("button", { type: "button", className: "all-read" });
    button.addEventListener("click", () => {
      const own = shownIn(all(".paper", section));
      mark(own, !own.every(marked));
    });
    section.querySelector("h2").after(button);
    sections.set(section, button);
  }

  // -- words, as digest/core/words.py has them --------------------------------------------------------------------------

  const fold = (text) => text.normalize("NFKD").toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
  function singular(word) {
    if (!word.endsWith("s") || /(?:ss|us|is)$/.test(word) || word.length < 4) return word;
    return word.endsWith("ies") && word.length > 4 ? `${word.slice(0, -3)}y` : word.slice(0, -1);
  }
  const plainQuotes = (text) => text.replace(/[\u201c-\u201f]/g, '"'); // a phone types those
  const words = (text) => (fold(text).match(/[\p{L}\p{N}]+/gu) ?? []).map(
    (word) => singular(word.length > 40 ? [...word].slice(0, 40).join("") : word));

  // -- filters --------------------------------------------------------------------------------------------------------

  const form = byId("filters");
  const fields = { q: "filter-text", topic: "filter-topic", kind: "filter-kind", code: "filter-code", unread: "filter-unread" };
  const listed = form ? all("article.paper") : [];
  const counts = new Map(all(".count").map((element) => [element, element.textContent]));
  const texts = new Map();
  function textOf(paper) {
    if (!texts.has(paper)) {
      const parts = all(".title, .authors, .venue, .abstract", paper).map((part) => part.textContent.replace(/\s+/g, " "));
      texts.set(paper, fold([paper.dataset.id, ...parts].join("\n")));
    }
    return texts.get(paper);
  }
  // What is typed: words and "phrases" that are to be there, and after a minus, that are not.
  function parse(text) {
    const found = fold(plainQuotes(text)).matchAll(/(-?)(?:"([^"]*)(?:"|$)|([^\s"]+))/g);
    return [...found].map(([, minus, phrase, word]) => ({ wanted: !minus, text: (phrase ?? word).trim().replace(/\s+/g, " ") }))
      .filter((part) => part.text && part.text !== "-");
  }
  const valueOf = (field) => (field.type === "checkbox" ? (field.checked ? "1" : "") : field.value.trim());
  function asked() {
    return Object.entries(fields).map(([key, id]) => [key, valueOf(byId(id))]).filter(([, value]) => value);
  }
  function count(element, shown, filtering) {
    if (element) element.textContent = filtering ? String(shown) : counts.get(element);
  }
  function filter() {
    if (form) filterPapers();
    showSections();
  }
  function filterPapers() {
    const wanted = Object.fromEntries(asked()), parts = parse(wanted.q ?? "");
    const filtering = Object.keys(wanted).length > 0;
    for (const paper of listed) {
      const { topic, kind, code } = paper.dataset;
      paper.hidden = Boolean((wanted.topic && topic !== wanted.topic) || (wanted.kind && kind !== wanted.kind)
        || (wanted.code && code !== "yes") || (wanted.unread && marked(paper))
        || !parts.every((part) => textOf(paper).includes(part.text) === part.wanted));
    }
    const contents = new Map(all("#contents a").map((link) => [link.hash.slice(1), link.parentElement]));
    const heading = (element, shown) => {
      const line = contents.get(element.id);
      count(element.querySelector(".count"), shown, filtering);
      if (line) {
        count(line.querySelector(":scope > .count"), shown, filtering);
        line.hidden = !shown;
      }
    };
    for (const section of all("section.topic")) {
      const shown = shownIn(all("article.paper", section)).length;
      section.hidden = !shown;
      all("h2", section).forEach((element) => heading(element, shown));
      for (const part of all("h3.part", section)) {
        const own = [];
        for (let next = part.nextElementSibling; next && !next.matches("h3.part"); next = next.nextElementSibling) own.push(next);
        const left = shownIn(own.filter((one) => one.matches("article.paper"))).length;
        part.hidden = !left;
        heading(part, left);
      }
    }
    const shown = shownIn(listed).length, noun = listed.length === 1 ? "paper" : "papers";
    byId("filter-count").replaceChildren(filtering ? `${shown} of ${listed.length}` : String(listed.length),
      make("span", filtering ? { className: "hidden" } : {}, ` ${noun}`)); // the field needs the room
    nothing.hidden = shown > 0 || !filtering;
  }
  // The state stands in the address after the number sign, so that a filtered view can be kept and sent.
  const begin = "#filter?";
  function fromAddress() {
    const given = new URLSearchParams(location.hash.startsWith(begin) ? location.hash.slice(begin.length) : "");
    for (const [key, id] of Object.entries(fields)) {
      const field = byId(id), value = given.get(key) ?? "";
      if (field.type === "checkbox") field.checked = value === "1";
      else field.value = value;
      if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = "";
    }
    filter();
  }
  function changed() {
    const state = new URLSearchParams(asked()).toString();
    try { history.replaceState(null, "", state ? begin + state : location.pathname + location.search); } catch { /* too many a second */ }
    filter();
  }
  const clear = make("button", { type: "button" }, "Clear the filters");
  const nothing = make("p", { id: "nothing", className: "notice", hidden: true }, "No paper fits. ", clear);
  if (form) {
    form.hidden = false;
    form.after(nothing);
    form.addEventListener("input", changed);
    form.addEventListener("submit", (event) => { // from the field to the first paper that fits
      event.preventDefault();
      const first = shownIn(listed)[0];
      if (first) select(first);
    });
    clear.addEventListener("click", () => {
      form.reset();
      changed();
      byId("filter-text").focus();
    });
    addEventListener("hashchange", () => {
      const target = !location.hash.startsWith(begin) && byId(decode(location.hash.slice(1)));
      if (location.hash.startsWith(begin)) fromAddress();
      else if (target && (target.hidden || target.closest("[hidden]"))) {
        fromAddress(); // what is linked to is to be seen
        target.scrollIntoView();
      }
    });
    fromAddress();
  } else showSections();
  function decode(text) {
    try { return decodeURIComponent(text); } catch { return text; }
  }

  // -- abstracts ------------------------------------------------------------------------------------------------------

  const abstractsButton = byId("abstracts");
  if (abstractsButton && !listed.length) abstractsButton.hidden = true;
  abstractsButton?.addEventListener("click", () => {
    const open = abstractsButton.getAttribute("aria-pressed") !== "true";
    abstractsButton.setAttribute("aria-pressed", String(open));
    listed.forEach((paper) => paper.classList.toggle("open", open));
  });

  // -- copies ---------------------------------------------------------------------------------------------------------

  async function copyOf(paper, id) {
    if (paper.matches(".paper-page")) return byId(id).textContent;
    const answer = await fetch(paper.querySelector("a.title").href);
    if (!answer.ok) throw new Error(answer.status);
    return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id).textContent;
  }
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // an address without TLS has no clipboard of that kind
      const area = make("textarea", { value: text, readOnly: true, className: "hidden" });
      doc.body.append(area);
      area.select();
      const done = doc.execCommand("copy");
      area.remove();
      if (!done) throw new Error("no clipboard");
    }
  }
  function say(button, words) {
    button.dataset.label ??= button.textContent;
    button.textContent = words;
    clearTimeout(Number(button.dataset.timer));
    button.dataset.timer = setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
  }
  const onDisk = location.protocol === "file:"; // where no page may fetch another
  function tools(paper) {
    showMark(paper);
    for (const line of all(".tools", paper)) line.hidden = false;
    if (onDisk && !paper.matches(".paper-page")) all(".copy-bibtex, .copy-markdown", paper).forEach((button) => button.remove());
  }
  papers().forEach(tools);
  doc.addEventListener("click", async (event) => {
    const button = event.target.closest("button"), paper = event.target.closest(".paper, .paper-page");
    if (!paper) return;
    if (button?.matches(".read")) toggle(paper);
    else if (button?.matches(".copy-bibtex, .copy-markdown")) {
      try {
        await copy(await copyOf(paper, button.matches(".copy-bibtex") ? "bibtex" : "markdown"));
        say(button, "Copied");
      } catch { say(button, "Not copied"); }
    } else if (event.target.closest(".abstract") && !event.target.closest("a") && getSelection().isCollapsed) {
      paper.classList.toggle("open");
    }
  });
  doc.addEventListener("click", (event) => {
    for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // -- keys -----------------------------------------------------------------------------------------------------------

  // Those that do something on this page.
  function keysHere() {
    const listed = doc.querySelector(".paper"), folds = doc.querySelector(".paper .abstract"), page = doc.querySelector(".paper-page");
    return [
      ...(listed ? [["j", "next paper"], ["k", "paper before"]] : []),
      ...(folds ? [["o or Enter", "open or close its abstract"], ["p", "open its page"]] : listed ? [["o or p or Enter", "open its page"]] : []),
      ...(listed || page ? [["m", `mark ${listed ? "it" : "this paper"} read, or unread`]] : []),
      ...(sections.size ? [["Shift+M", "mark all papers of its section"]] : []),
      ["/", form ? "filter" : "search"], ["?", "this help"], ["Esc", form ? "empty the filter, and leave" : "leave"],
    ];
  }
  let help = byId("help");
  function showHelp() {
    if (!help?.isConnected) {
      const list = make("dl");
      for (const [key, does] of keysHere()) {
        list.append(make("dt", {}, ...key.split(" or ").flatMap((one, place) => [...(place ? [" or "] : []), make("kbd", {}, one)])),
          make("dd", {}, does));
      }
      const close = make("button", { type: "button", autofocus: true }, "Close");
      help = make("dialog", { id: "help", "aria-labelledby": "help-heading" }, make("h2", { id: "help-heading" }, "Keys"), list, close);
      close.addEventListener("click", () => help.close());
      help.addEventListener("close", () => help.remove()); // results may come, with keys of their own
      doc.body.append(help);
    }
    if (!help.open) help.showModal();
  }
  const current = () => doc.querySelector(".paper.current");
  function select(paper) {
    current()?.classList.remove("current");
    paper.classList.add("current");
    paper.querySelector("a.title").focus({ preventScroll: true });
    paper.scrollIntoView({ block: "nearest", behavior: "instant" }); // a smooth one falls behind quick keys
  }
  function step(by) {
    const shown = all(".paper").filter((paper) => !paper.closest("[hidden]")), here = current(), place = shown.indexOf(here);
    if (place >= 0) return shown[place + by];
    // A filter may have taken away the one that the reader was at: what follows it is next. Without one, what is in sight.
    const follows = (paper) => (here ? here.compareDocumentPosition(paper) & Node.DOCUMENT_POSITION_FOLLOWING
      : paper.getBoundingClientRect().bottom > 60);
    const next = shown.findIndex(follows);
    return by > 0 ? shown[next] : shown[(next < 0 ? shown.length : next) - 1];
  }
  const actions = {
    j: () => step(1), k: () => step(-1),
    o() {
      const paper = current();
      if (paper?.querySelector(".abstract")) paper.classList.toggle("open");
      else paper?.querySelector("a.title").click();
    },
    p: () => void current()?.querySelector("a.title").click(),
    m() {
      const paper = current() ?? doc.querySelector(".paper-page");
      if (paper) toggle(paper);
    },
    M: () => void sections.get((current() ?? step(1))?.closest("section"))?.click(),
    "/"() {
      const field = form ? byId("filter-text") : byId("q");
      if (field) field.focus();
      else location.href = new URL("search.html#q", home);
    },
    "?": showHelp,
  };
  doc.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "Escape") {
      if (form && field?.id === "filter-text" && field.value) {
        event.preventDefault();
        field.value = "";
        changed();
      } else field?.blur();
      for (const menu of all("details.menu[open]")) menu.open = false;
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented || help?.open) return;
    if (field && (field.type !== "checkbox" || event.key === " ")) return;
    const key = event.shiftKey ? event.key : event.key.toLowerCase(); // whatever Caps Lock says
    let action = Object.hasOwn(actions, key) ? actions[key] : null;
    // Enter on a link follows it, as everywhere; but not on one that j or k came to.
    if (event.key === "Enter" && event.target.matches(".paper.current a.title") && current().querySelector(".abstract")) action = actions.o;
    if (!action) return;
    event.preventDefault();
    const paper = action();
    if (paper) select(paper);
  });

  if (location.hash === "#q") byId("q")?.focus(); // where the key "/" of another page leads
  globalThis.cvdigest = { home, byId, make, showMark, plainQuotes, words }; // for search.js
})();
