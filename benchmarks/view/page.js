"use strict";
// The page: what is asked for (kept in the address), the list of groups, keys, and which group is shown.

(async () => {
  const { el, drawn, number, signed, count } = show;
  const $ = (id) => document.getElementById(id);
  const SHOWS = {
    all: "all groups",
    outranked: "wrong outranks right",
    varied: "rewards differ",
    zero: "zero variance",
    right: "all correct",
    wrong: "none correct",
    fault: "with a fault",
  };
  const SORTS = {
    file: "as in the file",
    instructive: "most instructive first",
    spread: "widest spread first",
    low: "lowest mean first",
    high: "highest mean first",
    faults: "most faults first",
  };
  const USUAL = source.embedded ? "instructive" : "file"; // the order in which the page opens: a file holds a choice of groups
  const FILTERS = ["text", "show", "sort", "fault", "view", "task", "low", "high"];

  const runs = await source.runs();
  const run = runs[0];
  const state = { query: {}, items: [], total: 0, selected: null, keep: false, preset: null, asked: 0, shown: 0, loading: null };

  // --- the address ---------------------------------------------------------------------------------------------------

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const name of FILTERS) $(name).value = given.get(name) ?? ($(name).tagName === "SELECT" ? $(name).options[0].value : "");
    const step = given.has("step") ? run.steps.indexOf(Number(given.get("step"))) : -1;
    $("step").value = step + 1;
    state.preset = given.get("preset");
    state.selected = given.has("group") ? Number(given.get("group")) : null;
    state.keep = state.selected !== null;
  }

  function writeAddress() {
    const kept = new URLSearchParams();
    for (const [name, value] of Object.entries(state.query)) {
      if (value !== "" && value !== null && value !== "all" && value !== USUAL) kept.set(name, value);
    }
    if (state.preset) kept.set("preset", state.preset);
    if (state.selected !== null) kept.set("group", state.selected);
    history.replaceState(null, "", `#${kept}`);
  }

  // --- the list ------------------------------------------------------------------------------------------------------

  function stepOf() {
    const at = Number($("step").value);
    return at ? run.steps[at - 1] : null;
  }

  function nameStep() {
    $("step-name").textContent = stepOf() === null ? `all ${run.steps.length} steps` : `step ${stepOf()}`;
  }

  function readQuery() {
    const query = Object.fromEntries(FILTERS.map((name) => [name, $(name).value.trim()]));
    return { ...query, step: stepOf() };
  }

  async function filter() {
    state.query = readQuery();
    nameStep();
    $("reset").hidden = !FILTERS.some((name) => !["sort"].includes(name) && !["", "all"].includes(state.query[name]));
    const asked = ++state.asked;
    $("list").ariaBusy = "true";
    if (state.query.text) $("found").textContent = "looking …";
    let found;
    try {
      found = await source.groups(state.query, 0);
    } catch (error) {
      if (asked !== state.asked) return;
      $("list").ariaBusy = "false";
      $("found").textContent = error.message;
      return;
    }
    if (asked !== state.asked) return; // something else has been asked for since
    $("list").ariaBusy = "false";
    state.items = found.items;
    state.total = found.total;
    const whole = found.total === run.groups ? "" : ` of ${run.groups.toLocaleString("en")}`;
    const rows = run.several ? ` · ${count(found.rows, "completion")}` : "";
    const noun = run.several ? "group" : "row";
    $("found").textContent = `${found.total.toLocaleString("en")}${whole} ${noun}${run.groups === 1 ? "" : "s"}${rows}`;
    $("list").replaceChildren(...found.items.map(itemNode));
    $("list").scrollTop = 0;
    const there = state.items.some((item) => item.group === state.selected);
    const keep = there || state.keep; // which the address names
    state.keep = false;
    await select(keep ? state.selected : (state.items[0]?.group ?? null));
  }

  // One request at a time: who asks meanwhile waits for the same one.
  function more() {
    if (state.items.length >= state.total) return null;
    state.loading ??= loadPage().finally(() => { state.loading = null; });
    return state.loading;
  }

  async function loadPage() {
    const asked = state.asked;
    const found = await source.groups(state.query, state.items.length);
    if (asked !== state.asked) return;
    state.items.push(...found.items);
    $("list").append(...found.items.map(itemNode));
  }

  function dotsNode(item) {
    const [wide, tall] = [92, 16];
    const [low, high] = [run.low, run.high];
    const stacked = new Map();
    const dots = item.dots
      .filter((dot) => dot[0] !== null)
      .map(([total, right]) => {
        const x = 3 + ((total - low) / (high - low || 1)) * (wide - 6);
        const under = stacked.get(total) ?? 0;
        stacked.set(total, under + 1);
        return drawn("circle", { cx: x.toFixed(1), cy: tall - 3 - Math.min(under, 5) * 2.2, r: 2.2, class: right ? "right" : "wrong" });
      });
    const zero = 3 + ((Math.min(Math.max(0, low), high) - low) / (high - low || 1)) * (wide - 6);
    const axis = [drawn("path", { d: `M1 ${tall - 0.5}H${wide - 1}M${zero} ${tall}v-3`, class: "axis" })];
    const label = `rewards from ${number(item.low)} to ${number(item.high)}`;
    return drawn("svg", { viewBox: `0 0 ${wide} ${tall}`, class: "dots", role: "img", "aria-label": label }, ...axis, ...dots);
  }

  function itemNode(item) {
    const name = el("span", { className: "name" }, item.title);
    const top = el("div", { className: "top" }, name);
    if (item.step !== null) top.append(el("span", { className: "step" }, `step ${item.step}`));
    const low = el("div", { className: "low" }, el("span", { className: "what", title: item.target }, item.target));
    if (item.outranked) low.append(el("span", { className: "tag", title: "a wrong answer is rewarded like a right one" }, "outranked"));
    if (item.size > 1 && item.low === item.high && item.mean !== null) low.append(el("span", { className: "tag", title: "all rewards are the same" }, "zero variance"));
    if (item.gain !== null) low.append(el("span", { className: `gain ${item.gain < 0 ? "down" : item.gain > 0 ? "up" : ""}`, title: `mean reward of ${run.against} less this one` }, signed(Number(item.gain.toFixed(2)))));
    if (item.mean !== null) {
      top.append(dotsNode(item));
      top.append(el("span", { className: "mean", title: `mean reward; ${item.right} of ${item.size} correct` }, number(Number(item.mean.toFixed(2)))));
    }
    const node = el("li", { role: "option", id: `g${item.group}`, "aria-selected": String(item.group === state.selected) }, top, low);
    node.addEventListener("click", () => {
      document.body.classList.remove("listing");
      select(item.group);
    });
    return node;
  }

  // --- the group -----------------------------------------------------------------------------------------------------

  async function select(group) {
    state.selected = group;
    const shown = ++state.shown;
    for (const node of $("list").querySelectorAll('[aria-selected="true"]')) node.setAttribute("aria-selected", "false");
    const item = $(`g${group}`);
    if (item) {
      item.setAttribute("aria-selected", "true");
      item.scrollIntoView({ block: "nearest" });
      $("list").setAttribute("aria-activedescendant", item.id);
    }
    writeAddress();
    if (group === null) {
      $("main").ariaBusy = "false";
      $("main").replaceChildren(el("p", { className: "empty" }, "Nothing is like that."));
      return;
    }
    $("main").ariaBusy = "true";
    try {
      const nodes = await groupNodes(group);
      if (shown !== state.shown) return;
      $("main").ariaBusy = "false";
      $("main").replaceChildren(...nodes);
      $("main").scrollTop = 0;
      scrollTo(0, 0);
    } catch (error) {
      if (shown !== state.shown) return;
      $("main").ariaBusy = "false";
      $("main").replaceChildren(el("p", { className: "empty" }, error.message));
    }
  }

  // A preset that this group's task does not have counts as none.
  async function load(at, group) {
    const usual = await source.group(at, group, null);
    if (!state.preset || state.preset === usual.preset || !usual.presets.includes(state.preset)) return [usual, null];
    return [await source.group(at, group, state.preset), usual];
  }

  async function groupNodes(group) {
    const [found, usual] = await load(0, group);
    const heading = el("div", { className: "reward" }, el("p", { className: "stats" }, show.statsText(found)), presetNode(found));
    const asked = show.askedNode(found, select);
    if (runs.length === 1) return [asked, run.scored ? heading : "", show.rowsNode(found, usual, show.boundsOf([found]))];
    const [other, otherUsual] = found.partner === null ? [null, null] : await load(1, found.partner);
    const bounds = show.boundsOf(other ? [found, other] : [found]);
    const columns = el("div", { className: "columns-of-runs" });
    columns.append(columnNode(run.name, found, usual, bounds), columnNode(runs[1].name, other, otherUsual, bounds));
    heading.firstChild.textContent = "";
    return [asked, heading, columns];
  }

  function columnNode(name, found, usual, bounds) {
    const node = el("section", { className: "of-run" }, el("h3", {}, name));
    if (!found) {
      node.append(el("p", { className: "nothing" }, "This prompt is not in the run."));
      return node;
    }
    const step = found.step === null ? "" : `step ${found.step} · `;
    node.append(el("p", { className: "stats" }, step + show.statsText(found)), show.rowsNode(found, usual, bounds));
    return node;
  }

  function presetNode(found) {
    if (found.presets.length < 2 || found.mean === null) return "";
    const select = el("select", { id: "preset" }, ...found.presets.map((name) => el("option", { value: name, selected: name === found.preset }, name)));
    select.addEventListener("change", () => choosePreset(select.value, found.presets[0]));
    const note = found.preset === found.presets[0] ? "" : `the list stays under ${found.presets[0]}`;
    return el("label", { className: "preset" }, el("span", { className: "before" }, note), " preset ", select);
  }

  function choosePreset(name, usual) {
    state.preset = name === usual ? null : name;
    select(state.selected);
  }

  // --- moving --------------------------------------------------------------------------------------------------------

  async function move(by) {
    const at = state.items.findIndex((item) => item.group === state.selected);
    const next = at < 0 ? 0 : at + by;
    if (next >= state.items.length) await more();
    if (next >= 0 && next < state.items.length) await select(state.items[next].group);
  }

  async function moveStep(by) {
    const next = Number($("step").value) + by;
    if (!run.steps.length || next < 0 || next > run.steps.length) return;
    $("step").value = next;
    await changeStep();
  }

  // The same prompt stays in view where the step has it.
  async function changeStep() {
    const step = stepOf();
    if (step !== null && state.selected !== null) {
      try {
        const { steps } = await source.group(0, state.selected, null);
        state.selected = steps.find((each) => each[0] === step)?.[1] ?? state.selected;
      } catch {
        // It is shown by what is selected next.
      }
    }
    await filter();
  }

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    ArrowLeft: () => moveStep(-1),
    ArrowRight: () => moveStep(1),
    "/": () => {
      document.body.classList.add("listing");
      $("text").focus();
      $("text").select();
    },
    e: () => show.toggleWhole(),
    p: () => {
      const select = $("preset");
      if (!select) return;
      const names = [...select.options].map((option) => option.value);
      choosePreset(names[(select.selectedIndex + 1) % names.length], names[0]);
    },
    "?": () => $("keys").showModal(),
  };

  function listen() {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
      const typing = event.target.matches("input[type=search], input[type=number], select");
      if (typing && event.key === "Escape") event.target.blur();
      if (typing || !KEYS[event.key] || (event.target.id === "step" && event.key.startsWith("Arrow"))) return;
      event.preventDefault();
      KEYS[event.key]();
    });
    let wait;
    const soon = (what, milliseconds) => {
      clearTimeout(wait);
      wait = setTimeout(what, milliseconds);
    };
    for (const name of ["text", "low", "high"]) $(name).addEventListener("input", () => soon(filter, 300));
    for (const name of ["show", "sort", "fault", "view", "task"]) $(name).addEventListener("change", filter);
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("filters").addEventListener("reset", () => setTimeout(filter));
    $("step").addEventListener("input", () => {
      nameStep();
      soon(changeStep, 80);
    });
    $("step-back").addEventListener("click", () => moveStep(-1));
    $("step-on").addEventListener("click", () => moveStep(1));
    $("ask").addEventListener("click", () => $("keys").showModal());
    $("to-list").addEventListener("click", () => document.body.classList.toggle("listing"));
    $("list").addEventListener("scroll", () => {
      const left = $("list").scrollHeight - $("list").scrollTop - $("list").clientHeight;
      if (left < 1200) more();
    });
    addEventListener("hashchange", () => {
      readAddress();
      filter();
    });
  }

  function fill(id, choices, hidden) {
    $(id).hidden = hidden;
    $(id).replaceChildren(...choices.map(([value, name]) => el("option", { value }, name)));
  }

  function begin() {
    $("name").textContent = run.against ? `${run.name} | ${run.against}` : run.name;
    const scored = run.scored ? ` · mean reward ${number(run.mean)} · ${((100 * run.right) / run.rows).toFixed(1)}% correct` : "";
    $("counts").textContent = `${count(run.rows, run.scored ? "completion" : "row")}${scored}`;
    const sorts = { [USUAL]: SORTS[USUAL], ...SORTS, ...(run.against ? { gain: "largest gain first", loss: "largest loss first" } : {}) };
    const shows = Object.entries(SHOWS).filter(([name]) => run.several || !["outranked", "varied", "zero"].includes(name));
    fill("show", shows, !run.scored);
    fill("sort", Object.entries(sorts), !run.scored);
    const faults = run.faults.map(([code, rows]) => [code, `${code} (${rows.toLocaleString("en")})`]);
    fill("fault", [["", "any fault or none"], ...faults], !faults.length);
    fill("view", [["", "all views"], ...run.views.map((name) => [name, name])], run.views.length < 2);
    fill("task", [["", "all tasks"], ...run.tasks.map((name) => [name, name])], run.tasks.length < 2);
    $("range").hidden = !run.scored;
    $("stepper").hidden = run.steps.length < 2;
    $("step").max = run.steps.length;
    if (run.left_out) {
      $("left-out").hidden = false;
      $("left-out").firstElementChild.textContent = `${count(run.left_out, "row")} left out`;
      $("left-out").lastElementChild.replaceChildren(...run.errors.map((error) => el("li", {}, error)));
    }
  }

  begin();
  readAddress();
  listen();
  document.body.classList.toggle("listing", state.selected === null && innerWidth < 760);
  await filter();
})();
