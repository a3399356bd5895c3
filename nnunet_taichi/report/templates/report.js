"use strict";

// Tables: a click on a column's title sorts by it; a second click turns the order round. Blanks stay at the end.

const collator = new Intl.Collator("en", { numeric: true });

function sortTable(heading) {
  const column = heading.cellIndex;
  const body = heading.closest("table").tBodies[0];
  const numeric = heading.classList.contains("number");
  // the largest number is what one looks for first, and the first name
  const direction = { none: numeric ? "descending" : "ascending", ascending: "descending", descending: "ascending" };
  const order = direction[heading.getAttribute("aria-sort")];
  const value = (row) => (numeric ? row.cells[column].dataset.value : row.cells[column].textContent.trim());
  const compare = numeric ? (a, b) => a - b : collator.compare;
  const isBlank = (row) => value(row) === undefined || value(row) === "";
  const filled = [...body.rows].filter((row) => !isBlank(row));
  const blank = [...body.rows].filter(isBlank);
  filled.sort((a, b) => (order === "ascending" ? 1 : -1) * compare(value(a), value(b)));
  body.append(...filled, ...blank);
  for (const other of heading.parentElement.cells) {
    other.setAttribute("aria-sort", other === heading ? order : "none");
  }
}

for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sortTable(button.closest("th")));
}

// The gallery: cards and contours are in the page; here they are filled in, filtered, ordered and enlarged.

function startGallery(data) {
  const byId = (id) => document.getElementById(id);
  const cards = [...byId("cards").children];
  const dialog = byId("enlarged");
  let open = 0; // which of the shown cards is enlarged

  const chosen = (id, fallback) => Number(byId(id)?.value ?? fallback);
  const comparedRun = () => chosen("run", 0);
  const shownLabel = () => chosen("label", 0);
  const caseOf = (card) => data.cases[card.dataset.case];
  const scoreOf = (card, run = comparedRun()) => caseOf(card).scores[run]?.[shownLabel()];
  const pixelsOf = (card) => caseOf(card).pixels[shownLabel()];
  const shownCards = () => [...byId("cards").children].filter((card) => !card.hidden);

  function fillPanel(panel, card, run) {
    const label = shownLabel();
    const number = card.dataset.case;
    const verdict = scoreOf(card, run)?.text ?? "no prediction";
    panel.querySelector("svg").setAttribute("aria-label", `${caseOf(card).name}, ${data.runs[run]}: ${verdict}`);
    const contours = panel.querySelectorAll("use[class]"); // truth twice, prediction twice: a halo below each line
    contours.forEach((use, index) => {
      use.setAttribute("href", index < 2 ? `#t${number}-${label}` : `#p${number}-${run}-${label}`);
    });
    panel.querySelector(".run").textContent = data.runs[run];
    panel.querySelector(".verdict").textContent = verdict;
  }

  const kinds = { "1": ["better", "▲ +"], "-1": ["worse", "▼ −"], "0": ["equal", "= "] };

  function sayGain(card, run) {
    const gain = data.runs.length > 1 ? scoreOf(card, run)?.gain : null;
    if (gain == null) return ["equal", ""];
    const [kind, sign] = kinds[Math.sign(gain.toFixed(2)) + 0]; // + 0: there is a negative zero
    return [kind, sign + Math.abs(gain).toFixed(2)];
  }

  function fillGain(card) {
    const [kind, text] = sayGain(card, comparedRun());
    const place = card.querySelector(".gain");
    place.className = `gain ${kind}`;
    place.textContent = text;
  }

  const shows = {
    all: () => true,
    missed: (score) => score?.missed,
    alarm: (score) => score?.alarm,
    better: (score) => score?.gain > 0,
    worse: (score) => score?.gain < 0,
  };

  function isWanted(card) {
    const score = scoreOf(card);
    const { name, group } = caseOf(card);
    const [lowest, highest] = [chosen("lowest", 0), byId("highest").value === "" ? 1 : chosen("highest", 1)];
    const anyDice = lowest <= 0 && highest >= 1; // what has no Dice has a place only here
    const text = byId("text").value.trim().toLowerCase();
    return (
      shows[byId("show").value](score) &&
      (anyDice || (score?.dice != null && score.dice >= lowest && score.dice <= highest)) &&
      (byId("group")?.value || group) === group &&
      name.toLowerCase().includes(text)
    );
  }

  const orders = {
    win: (a, b) => (scoreOf(b)?.gain ?? -9) - (scoreOf(a)?.gain ?? -9), // a run without the case comes last
    loss: (a, b) => (scoreOf(a)?.gain ?? 9) - (scoreOf(b)?.gain ?? 9),
    large: (a, b) => pixelsOf(b) - pixelsOf(a),
    small: (a, b) => pixelsOf(a) - pixelsOf(b),
    name: (a, b) => collator.compare(caseOf(a).name, caseOf(b).name),
  };

  function update() {
    for (const card of cards) {
      const panels = card.querySelectorAll(".panel");
      fillPanel(panels[0], card, 0);
      if (panels[1]) fillPanel(panels[1], card, comparedRun());
      fillGain(card);
      card.hidden = !isWanted(card);
    }
    byId("cards").append(...[...cards].sort(orders[byId("order").value]));
    const count = shownCards().length;
    byId("none").hidden = count > 0;
    byId("shown").textContent = `${count} of ${cards.length} cases`;
  }

  function enlarge(position) {
    const shown = shownCards();
    open = (position + shown.length) % shown.length;
    const card = shown[open];
    const { name, facts } = caseOf(card);
    const pattern = card.querySelector(".panel");
    byId("enlarged-name").textContent = name;
    byId("enlarged-facts").textContent = [...facts, `${pixelsOf(card).toLocaleString("en")} px in truth`].join(" · ");
    byId("enlarged-place").textContent = `${open + 1} of ${shown.length}`;
    byId("enlarged-panels").replaceChildren(
      ...data.runs.map((_, run) => {
        const panel = pattern.cloneNode(true);
        fillPanel(panel, card, run);
        if (run > 0) panel.querySelector(".verdict").append(`  ${sayGain(card, run)[1]}`);
        return panel;
      }),
    );
    if (!dialog.open) dialog.showModal();
  }

  const arrows = { ArrowLeft: -1, ArrowRight: 1 };
  dialog.addEventListener("keydown", (event) => {
    if (event.key in arrows) {
      event.preventDefault();
      enlarge(open + arrows[event.key]);
    }
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  dialog.addEventListener("close", () => shownCards()[open].querySelector("button").focus()); // where one left off
  byId("previous").addEventListener("click", () => enlarge(open - 1));
  byId("next").addEventListener("click", () => enlarge(open + 1));
  byId("close").addEventListener("click", () => dialog.close());
  for (const card of cards) {
    card.querySelector("button").addEventListener("click", () => enlarge(shownCards().indexOf(card)));
  }
  const controls = document.querySelector(".controls");
  controls.addEventListener("input", update);
  controls.addEventListener("submit", (event) => event.preventDefault()); // Enter in a field
  update();
}

const gallery = document.getElementById("gallery");
if (gallery) startGallery(JSON.parse(gallery.textContent));
