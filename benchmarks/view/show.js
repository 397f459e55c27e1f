"use strict";
// The right side of the page: one group. Text goes in as text alone; no markup is ever parsed.

const show = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
  const LONG = 600; // characters beyond which a text is short at first,
  const LONG_ALONE = 6000; // where it is the only one of its group
  let whole = false; // whether all texts are shown whole

  function el(tag, properties, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties ?? {})) {
      if (name.startsWith("data-") || name.startsWith("aria-") || name === "role") node.setAttribute(name, value);
      else node[name] = value;
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function drawn(tag, attributes, ...children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  const number = (value) => (value === null || value === undefined ? "–" : String(Number(value.toFixed(3))).replace("-", "−"));
  const signed = (value) => (value > 0 ? "+" : "") + number(value === 0 ? 0 : value);
  const count = (many, noun) => `${many.toLocaleString("en")} ${noun}${many === 1 ? "" : "s"}`;

  // Characters that take no room or turn the reading direction are shown by their codes.
  function plain(text) {
    if (!HIDDEN.test(text)) return [text];
    return text.split(new RegExp(`(${HIDDEN.source})`)).map((part) =>
      part.length === 1 && HIDDEN.test(part)
        ? el("span", { className: "code" }, `U+${part.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`)
        : part,
    );
  }

  // --- the text of a completion --------------------------------------------------------------------------------------

  function tagged(text) {
    return text.split(/(<\/?(?:think|answer)>)/).flatMap((part, at) => (at % 2 ? [el("span", { className: "tags" }, part)] : plain(part)));
  }

  // A mark may be in several pieces; what it scored stands behind the last.
  function pieceNode([text, section, at, fault], marks, ends) {
    const letters = fault ? [...text] : [];
    const inside = fault
      ? [el("span", { className: "caret", title: "the fault is here" }, ...plain(letters[0] ?? "")), ...plain(letters.slice(1).join(""))]
      : plain(text);
    if (at === null && section) return el("span", { className: section }, ...inside);
    if (at === null) return fault ? el("span", {}, ...inside) : el("span", {}, ...tagged(text));
    const mark = marks[at];
    const share = mark.share ? signed(mark.share) : "";
    const view = mark.view ? `view ${mark.view}` : "";
    const node = el("mark", { className: mark.tone, title: [view, mark.tier, share].filter(Boolean).join(", ") }, ...inside);
    if (mark.view) node.dataset.view = mark.view;
    if (ends && (mark.kind === "record" || mark.kind === "answer")) node.dataset.share = share;
    return node;
  }

  function textNode(row, long) {
    const blocks = [[], []]; // the reasoning with its tags, and the rest
    let after = !row.pieces.some((piece) => piece[1] === "think");
    let thought = false;
    for (const piece of row.pieces) {
      thought ||= piece[1] === "think";
      const leaves = !after && thought && piece[1] !== "think";
      const cut = leaves ? piece[0].indexOf("\n") + 1 : 0;
      if (leaves && cut) blocks[0].push([piece[0].slice(0, cut), piece[1], piece[2], piece[3]]);
      after ||= leaves;
      const rest = cut ? [piece[0].slice(cut), piece[1], piece[2], false] : piece;
      if (rest[0]) blocks[after ? 1 : 0].push(rest);
    }
    const node = el("div", { className: "text" });
    for (const block of blocks.filter((each) => each.length)) {
      const part = el("div", { className: "part" }, ...block.map((piece, at) => pieceNode(piece, row.marks, block[at + 1]?.[2] !== piece[2])));
      node.append(...shortened(part, block.reduce((sum, piece) => sum + piece[0].length, 0), long));
    }
    if (!row.pieces.length) node.append(el("p", { className: "nothing" }, "(empty)"));
    return node;
  }

  function shortened(part, length, long) {
    if (length <= long) return [part];
    part.classList.toggle("short", !whole);
    const button = el("button", { type: "button", className: "more" });
    const name = () => {
      button.textContent = part.classList.contains("short") ? `all ${length.toLocaleString("en")} characters` : "less";
    };
    button.addEventListener("click", () => {
      part.classList.toggle("short");
      name();
    });
    button.fold = (open) => {
      part.classList.toggle("short", !open);
      name();
    };
    name();
    return [part, button];
  }

  function toggleWhole() {
    whole = !whole;
    document.querySelectorAll("#main .text button.more").forEach((button) => button.fold(whole));
  }

  function faultNode(fault) {
    const node = el("p", { className: "fault" }, el("code", {}, fault.code), " ", ...plain(fault.message));
    if (fault.around) {
      const [before, here, after] = fault.around;
      const line = (text) => plain(text.replaceAll("\n", "⏎").replaceAll("\t", "⇥"));
      const caret = el("span", { className: "caret" }, ...(here ? line(here) : ["\u00a0"]));
      node.append(el("span", { className: "around" }, ...line(before), caret, ...line(after)));
    }
    return node;
  }

  // --- numbers of a completion ---------------------------------------------------------------------------------------

  function partsNode(row, bounds) {
    const [low, high] = bounds;
    const width = high - low || 1;
    const node = el("dl", { className: "parts" });
    for (const [name, value] of row.parts) {
      const bar = el("span", { className: value < 0 ? "bar minus" : "bar" });
      bar.style.left = `${((Math.min(value, 0) - low) / width) * 100}%`;
      bar.style.width = `${(Math.abs(value) / width) * 100}%`;
      const zero = el("span", { className: "zero" });
      zero.style.left = `${(-low / width) * 100}%`;
      const line = el("div", { className: value ? "" : "none" });
      line.append(el("dt", {}, name), el("dd", { className: "track" }, zero, bar), el("dd", { className: "value" }, number(value)));
      node.append(line);
    }
    return node;
  }

  function boundsOf(groups) {
    const values = groups.flatMap((group) => group.rows.flatMap((row) => row.parts.map((part) => part[1])));
    return [Math.min(0, ...values), Math.max(0, ...values)];
  }

  function rowNode(row, place, bounds, usual, group) {
    const head = el("header", {});
    if (row.total !== null) {
      if (group.rows.length > 1) head.append(el("span", { className: "rank", title: "place by advantage" }, String(place)));
      head.append(el("strong", { className: "total", title: "total reward" }, number(row.total)));
      if (row.advantage !== null) {
        const tone = row.advantage > 0.005 ? "up" : row.advantage < -0.005 ? "down" : "flat";
        const title = "advantage: (total − mean) / (standard deviation + 0.0001)";
        head.append(el("span", { className: `advantage ${tone}`, title }, `A ${signed(Number(row.advantage.toFixed(2)))}`));
      }
      head.append(el("span", { className: row.correct ? "badge right" : "badge wrong" }, row.correct ? "✓ correct" : "✗ wrong"));
      if (usual && usual.total !== row.total) {
        head.append(el("span", { className: "before" }, `${number(usual.total)} under ${usual.preset}`));
      }
      if (row.prefilled) head.append(el("span", { className: "badge", title: "the opening <think> is the chat template's" }, "prefilled"));
    }
    for (const code of new Set(row.faults.map((fault) => fault.code))) head.append(el("span", { className: "badge fault" }, code));
    const name = row.id && row.id !== group.title && !row.place.endsWith(row.id) ? row.id : row.place.slice(row.place.lastIndexOf("/") + 1);
    head.append(el("span", { className: "place", title: row.place }, name));
    const body = el("div", { className: "body" });
    if (row.total !== null) {
      body.append(textNode(row, group.rows.length > 1 ? LONG : LONG_ALONE));
      const side = el("div", { className: "side" }, partsNode(row, bounds));
      if (row.missing?.length) {
        side.append(el("p", { className: "missing" }, "missing ", ...row.missing.flatMap((each) => [el("code", {}, each), " "])));
      }
      body.append(side);
    }
    const node = el("article", { className: "row" }, head, row.total === null ? "" : body, ...row.faults.map(faultNode), footNode(row));
    node.dataset.row = row.row;
    return node;
  }

  function footNode(row) {
    const foot = el("footer", {});
    if (row.explain) {
      const command = el("code", { className: "command" }, row.explain);
      const button = el("button", { type: "button", title: "copy the command" }, "copy");
      button.addEventListener("click", async () => {
        getSelection().selectAllChildren(command);
        try {
          await navigator.clipboard.writeText(row.explain);
          button.textContent = "copied";
        } catch {
          button.textContent = "selected";
        }
        setTimeout(() => (button.textContent = "copy"), 1500);
      });
      foot.append(el("span", { className: "explain" }, button, command));
    }
    if (row.more.length) {
      const list = el("dl", {}, ...row.more.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, ...plain(value))]));
      foot.append(el("details", { className: "columns" }, el("summary", {}, count(row.more.length, "more column")), list));
    }
    return foot;
  }

  // --- the group -----------------------------------------------------------------------------------------------------

  // While the pointer is on a name or a relation, the image of its view is pointed at.
  document.addEventListener("pointerover", (event) => {
    const view = event.target.closest?.("mark[data-view]")?.dataset.view;
    for (const figure of document.querySelectorAll(".images figure")) figure.classList.toggle("told", figure.dataset.view === view);
  });

  function imagesNode(group) {
    const node = el("div", { className: "images" });
    const word = group.references.length ? "View" : "Image"; // as completions call it
    for (const [at, [key, name]] of group.images.entries()) {
      const address = key ? source.image(key) : undefined;
      const caption = el("figcaption", {}, el("b", {}, `${word} ${at + 1}`), ` ${name}`);
      const figure = el("figure", { "data-view": at + 1 }, caption);
      if (address) {
        const image = el("img", { src: address, alt: `${word} ${at + 1}: ${name}`, decoding: "async" });
        image.addEventListener("click", () => node.classList.toggle("large"));
        image.addEventListener("error", async () => {
          image.remove();
          figure.prepend(el("p", { className: "nothing" }, (await source.problem(key)) || "the image cannot be shown"));
        });
        figure.prepend(image);
      } else {
        figure.prepend(el("p", { className: "nothing" }, name));
        caption.lastChild.remove();
      }
      const names = group.references.find(([view]) => view === at + 1);
      if (names) figure.append(el("p", { className: "names", title: "true reference objects" }, names[1].join(", ") || "none"));
      const relations = group.relations.find(([view, triplets]) => view === at + 1 && triplets.length);
      if (relations) figure.append(relationsNode(relations[1]));
      node.append(figure);
    }
    if (group.no_images) node.append(el("p", { className: "nothing" }, group.no_images));
    return node.childNodes.length ? node : null;
  }

  function relationsNode(triplets) {
    const lines = triplets.map((triplet) => el("p", {}, ...plain(triplet)));
    return el("details", { className: "names", title: "true relations" }, el("summary", {}, count(triplets.length, "relation")), ...lines);
  }

  function historyNode(group, go) {
    const points = group.steps.filter(([step, , mean]) => step !== null && mean !== null);
    if (points.length < 2) return null;
    const [wide, tall, edge] = [220, 40, 5];
    const span = (values) => [Math.min(...values), Math.max(...values)];
    const [first, last] = span(points.map((point) => point[0]));
    const [low, high] = span(points.map((point) => point[2]));
    const x = (step) => edge + ((step - first) / (last - first || 1)) * (wide - 2 * edge);
    const y = (mean) => tall - edge - ((mean - low) / (high - low || 1)) * (tall - 2 * edge);
    const line = drawn("polyline", { points: points.map(([step, , mean]) => `${x(step)},${y(mean)}`).join(" ") });
    const dots = points.map(([step, at, mean]) => {
      const here = at === group.group;
      const title = drawn("title", {}, `step ${step}: mean ${number(mean)}`);
      const dot = drawn("circle", { cx: x(step), cy: y(mean), r: here ? 4 : 2.5, class: here ? "here" : "" }, title);
      dot.addEventListener("click", () => go(at));
      return dot;
    });
    const chart = drawn("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": "mean reward of this prompt by step" }, line, ...dots);
    return el("figure", { className: "history", title: "mean reward of this prompt by step" }, chart);
  }

  function askedNode(group, go) {
    const chips = [group.step === null ? null : `step ${group.step}`, group.view, group.task].filter(Boolean);
    const node = el("section", { className: "asked" });
    const title = el("div", { className: "title" }, el("h2", {}, group.title), ...chips.map((chip) => el("span", { className: "chip" }, chip)));
    const words = el("div", { className: "words" });
    node.append(title, historyNode(group, go) ?? "", el("div", { className: "seen" }, imagesNode(group), words));
    if (group.prompt) {
      const text = el("div", { className: "part" }, ...plain(group.prompt));
      words.append(el("div", { className: "prompt" }, el("h3", {}, "prompt"), ...shortened(text, group.prompt.length, LONG)));
    }
    if (group.options.length) {
      words.append(el("div", { className: "options" }, el("h3", {}, "options"), el("p", {}, ...group.options.flatMap((each) => [el("span", {}, ...plain(each)), " "]))));
    }
    words.append(el("div", { className: "target" }, el("h3", {}, "target"), el("code", {}, ...plain(group.target))));
    return node;
  }

  function rowsNode(group, usual, bounds) {
    const before = new Map(usual ? usual.rows.map((row) => [row.row, { total: row.total, preset: usual.preset }]) : []);
    const shown = group.rows.length / 2; // of a large group its two ends
    const place = (at) => (at < shown ? at : at + group.between) + 1;
    const rows = group.rows.map((row, at) => rowNode(row, place(at), bounds, before.get(row.row), group));
    if (group.between) rows.splice(shown, 0, el("p", { className: "empty" }, `${count(group.between, "completion")} between these`));
    return el("div", { className: "rows" }, ...rows);
  }

  function statsText(group) {
    if (group.mean === null) return "";
    const spread = group.size > 1 ? ` · mean ${number(group.mean)} · std ${number(group.std)}` : "";
    return `${count(group.size, "completion")} · ${group.right} correct${spread}`;
  }

  return { el, drawn, number, signed, count, boundsOf, askedNode, rowsNode, statsText, toggleWhole };
})();
