// The search of a site without a server: it fetches the words of one month after another, as digest/core/words.py writes them.
"use strict";
(() => {
  const { home, byId, make, showMark, plainQuotes, words } = cvdigest;

  const number = new RegExp("^(?:https?:\\/\\/)?(?:(?:www\\.|export\\.)?arxiv\\.org\\/[a-z]+\\/)?(?:arxiv:)?"
    + "(\\d{4}\\.\\d{4,5}|[a-z-]+(?:\\.[a-z]{2})?\\/\\d{7})(?:v\\d+)?(?:\\.pdf)?$", "i");
  const shortest = 3;

  // What a user types, as digest/core/query.py reads it, and what is to be said of it. Which words of an abstract stand in a row
  // is not known here: there a phrase is no more than its words.
  function parse(text) {
    const groups = [], without = [], remarks = new Set();
    let joined = false;
    for (const [, minus, field = "", phrase, bare] of plainQuotes(text).matchAll(/(-?)(?:(title|abstract|author):)?(?:"([^"]*)(?:"|$)|([^\s"]+))/gi)) {
      if (bare === "OR" && !minus && !field) {
        joined = groups.length > 0;
        continue;
      }
      const found = words(phrase ?? bare).slice(0, 64), open = phrase === undefined && bare.endsWith("*");
      if (!found.length) continue;
      const term = {
        words: found, field: field.toLowerCase(), begins: open && found.at(-1).length >= shortest,
        phrase: phrase !== undefined && found.length > 1, id: (!field && bare?.match(number)?.[1].toLowerCase()) || "",
      };
      if (term.phrase && !["title", "author"].includes(term.field)) {
        remarks.add("A phrase is looked for word by word in abstracts.");
      }
      if (open && !term.begins) remarks.add(`A beginning needs ${shortest} letters: \u201c${found.at(-1)}\u201d was taken for a word.`);
      if (minus) without.push(term);
      else if (joined) groups.at(-1).push(term);
      else groups.push([term]);
      joined = false;
    }
    return { groups: groups.slice(0, 32), without: without.slice(0, 32), remarks: [...remarks] };
  }

  // The file of a month, laid out: which papers each word stands in, in titles, among authors and in abstracts.
  function layOut(raw) {
    if (raw.format !== 1) throw new Error("another format");
    const size = raw.ids.length, where = { title: new Map(), author: new Map(), abstract: new Map() };
    const add = (map, word, paper) => {
      if (!map.has(word)) map.set(word, []);
      map.get(word).push(paper);
    };
    const titles = raw.titles.map(words), authors = raw.authors.map(words);
    titles.forEach((own, paper) => new Set(own).forEach((word) => add(where.title, word, paper)));
    authors.forEach((own, paper) => new Set(own).forEach((word) => add(where.author, word, paper)));
    const bytes = Uint8Array.from(atob(raw.postings), (letter) => letter.charCodeAt(0));
    let place = 0, word = "";
    const bit = () => (bytes[place >> 3] >> (7 - (place++ & 7))) & 1;
    const number = (bits) => {
      let value = 0;
      while (bits--) value = value * 2 + bit();
      return value;
    };
    for (const part of raw.words ? raw.words.split(" ") : []) {
      word = [...word].slice(0, parseInt(part[0], 36)).join("") + part.slice(1);
      let zeros = 0;
      while (!bit() && place < bytes.length * 8) zeros++;
      const found = 2 ** zeros + number(zeros), low = Math.max(0, Math.floor(size * 2 / (3 * found)).toString(2).replace(/^0$/, "").length - 1);
      const own = [];
      for (let paper = -1; own.length < found && place < bytes.length * 8; own.push(paper)) {
        let high = 0;
        while (bit()) high++;
        paper += 1 + high * 2 ** low + number(low);
      }
      where.abstract.set(word, own);
    }
    return { ...raw, size, where, titleWords: titles, authorWords: authors, stop: new Set(raw.stop) };
  }

  // Which papers of a month a term is in; null for words that say nothing.
  function inMonth(month, { words: wanted, field, begins, phrase, id }) {
    if (id) return Uint8Array.from(month.ids, (one) => Number(one.toLowerCase() === id));
    // The words of a title and of authors are not told of the abstract again.
    const maps = field && field !== "abstract" ? [month.where[field]] : Object.values(month.where);
    const list = { title: month.titleWords, author: month.authorWords }[field];
    if (list && (phrase || (wanted.length > 1 && field === "title"))) {
      return Uint8Array.from(list, (own) => Number(own.some((_, start) => wanted.every((word, offset) => own[start + offset] === word))));
    }
    let result = null;
    wanted.forEach((word, place) => {
      const open = begins && place === wanted.length - 1;
      if (!open && month.stop.has(word) && (!field || field === "abstract")) return;
      const found = new Uint8Array(month.size);
      for (const map of maps) {
        const lists = open ? [...map].filter(([one]) => one.startsWith(word)).map(([, own]) => own) : [map.get(word) ?? []];
        lists.forEach((own) => own.forEach((paper) => { found[paper] = 1; }));
      }
      result = result ? result.map((one, paper) => one & found[paper]) : found;
    });
    return result;
  }

  function matches(month, query, topic) {
    let result = new Uint8Array(month.size).fill(1);
    for (const group of query.groups) {
      const terms = group.map((term) => inMonth(month, term)).filter(Boolean);
      if (terms.length) result = result.map((one, paper) => one && Number(terms.some((term) => term[paper])));
    }
    for (const term of query.without) {
      const found = inMonth(month, term);
      if (found) result = result.map((one, paper) => one && !found[paper] ? 1 : 0);
    }
    const hits = [];
    result.forEach((one, paper) => {
      if (one && (!topic || month.places[month.place[paper]].split("/")[0] === topic)) hits.push(paper);
    });
    return hits;
  }

  function begin(search) {
    const months = JSON.parse(search.dataset.months), input = byId("q"), topics = search.elements.topic;
    const list = byId("results"), state = byId("search-state"), loaded = new Map();
    const atOnce = 50, monthsAtOnce = 3;
    const older = make("button", { type: "button", id: "older", hidden: true });
    list.after(older);
    const load = (month) => {
      if (!loaded.has(month)) {
        const asking = fetch(new URL(`${search.dataset.index}${month}.json`, home)).then((answer) => {
          if (!answer.ok) throw new Error(answer.status);
          return answer.json();
        }).then(layOut);
        asking.catch(() => loaded.delete(month));
        loaded.set(month, asking);
      }
      return loaded.get(month);
    };
    const topicName = (slug) => [...topics.options].find((option) => option.value === slug)?.text ?? slug;
    const path = (id) => (id.includes("/") ? `papers/${id}.html` : `papers/${id.slice(0, 4)}/${id}.html`);
    const link = (target) => new URL(encodeURI(target), home).href;

    function result(month, paper) {
      const id = month.ids[paper], day = month.days[month.day[paper]], place = month.places[month.place[paper]];
      const authors = month.authors[paper], kind = { c: "cross-listed", r: "replaced" }[month.kinds[paper]];
      const facts = make("p", { className: "facts" });
      if (place) facts.append(make("span", { className: "chip" }, topicName(place.split("/")[0])), " ");
      facts.append(make("a", { href: link(`days/${day}.html`) }, day), " ");
      if (kind) facts.append(make("span", { className: "mark" }, kind), " ");
      if (month.code[paper] === "y") facts.append(make("span", { className: "mark" }, "code"));
      const item = make("li", { className: "paper", "data-id": id },
        make("h2", {}, make("a", { className: "title", href: link(path(id)) }, make("bdi", {}, month.titles[paper] || "(no title)"))));
      if (authors) item.append(make("p", { className: "authors" }, make("bdi", {}, authors.length > 300 ? `${authors.slice(0, 300)}…` : authors)));
      item.append(facts);
      showMark(item);
      return item;
    }

    let run = null;
    async function go(mine) {
      older.hidden = true;
      let room = atOnce, asked = 0;
      try {
        while (room && (mine.hits.length || (mine.next < months.length && asked < monthsAtOnce))) {
          if (!mine.hits.length) {
            const name = months[mine.next];
            state.textContent = `Looking in ${name} …`;
            const month = await load(name);
            if (mine !== run) return; // something else is looked for by now
            asked++;
            mine.next++;
            mine.hits = matches(month, mine.query, mine.topic).filter((paper) => !mine.seen.has(month.ids[paper])).map((paper) => [month, paper]);
            mine.hits.forEach(([, paper]) => mine.seen.add(month.ids[paper]));
          }
          const shown = mine.hits.splice(0, room);
          room -= shown.length;
          list.append(...shown.map(([month, paper]) => result(month, paper)));
        }
      } catch {
        if (mine !== run) return;
        state.textContent = `The words of ${months[mine.next]} could not be loaded.`;
        older.textContent = "Try again";
        older.hidden = false;
        return;
      }
      const found = mine.seen.size, since = months[mine.next - 1];
      const more = mine.hits.length > 0 || mine.next < months.length;
      const said = `${found === 1 ? "1 paper was" : `${found || "No"} ${found ? "papers were" : "paper was"}`} found`;
      state.textContent = [`${said}${mine.next < months.length ? ` since ${since}` : ""}.`, ...mine.query.remarks].join(" ");
      older.textContent = mine.hits.length ? "Show more" : "Look in older months";
      older.hidden = !more;
    }

    function start() {
      const text = input.value.trim(), topic = topics.value, query = parse(text);
      const address = new URLSearchParams(Object.entries({ q: text, topic }).filter(([, value]) => value)).toString();
      try { history.replaceState(null, "", location.pathname + (address ? `?${address}` : "")); } catch { /* too many a second */ }
      run = { query, topic, next: 0, hits: [], seen: new Set() };
      list.replaceChildren();
      older.hidden = true;
      if (!query.groups.length && !topic) {
        state.textContent = text ? "There is no word to look for." : "";
      } else if (!months.length) state.textContent = "There is nothing to look in yet.";
      else go(run);
    }

    const given = new URLSearchParams(location.search);
    input.value = given.get("q") ?? "";
    topics.value = given.get("topic") ?? "";
    if (topics.selectedIndex < 0) topics.value = "";
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(start, 200);
    });
    topics.addEventListener("change", start);
    search.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      start();
    });
    older.addEventListener("click", () => go(run));
    if (input.value || topics.value) start();
  }

  const search = byId("search");
  if (location.protocol === "file:") {
    search.hidden = true;
    byId("search-state").textContent = "The search needs a web server: a page that is read from a disk may not fetch the words of the papers.";
  } else begin(search);
})();
