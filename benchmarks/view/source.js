"use strict";
// Where the data of the page come from: a server that filters and reads files, or the page itself. Both answer alike.

const source = (() => {
  const held = document.getElementById("data");
  return held ? fromPage(JSON.parse(held.textContent)) : fromServer();

  function fromServer() {
    async function get(path, parameters) {
      const asked = new URLSearchParams();
      for (const [name, value] of Object.entries(parameters)) {
        if (value !== null && value !== undefined && value !== "") asked.set(name, value);
      }
      const answer = await fetch(`${path}?${asked}`);
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    }
    return {
      runs: () => get("api/runs", {}),
      groups: (query, offset) => get("api/groups", { ...query, offset }),
      group: (run, group, preset) => get(`api/group/${run}/${group}`, { preset }),
      image: (key) => key,
      // Why an image cannot be shown is the body of its answer.
      problem: async (key) => (await fetch(key)).text(),
    };
  }

  function fromPage(data) {
    const several = (item) => item.size > 1;
    const kinds = {
      all: () => true,
      outranked: (item) => item.outranked,
      varied: (item) => several(item) && item.high > item.low,
      zero: (item) => several(item) && item.high === item.low,
      right: (item) => item.right === item.size,
      wrong: (item) => item.right === 0 && item.mean !== null,
      fault: (item) => item.faults.length > 0,
    };
    const spread = (item) => item.high - item.low;
    const keys = {
      file: (item) => item.group,
      instructive: (item) => data.instructive.indexOf(item.group),
      low: (item) => item.mean,
      high: (item) => -item.mean,
      spread: (item) => -spread(item),
      faults: (item) => -item.faulty,
      gain: (item) => (item.gain === null ? Infinity : -item.gain),
      loss: (item) => (item.gain === null ? Infinity : item.gain),
    };

    function base(group) {
      return data.groups[0][group][data.runs[0].preset];
    }

    function holds(item, text) {
      const found = base(item.group);
      const needle = text.toLowerCase();
      const rows = found.rows.map((row) => `${row.id ?? ""}\0${row.pieces.map((piece) => piece[0]).join("")}`);
      const asked = data.runs[0].scored ? "" : found.prompt;
      return [found.target, asked, ...rows].some((each) => each.toLowerCase().includes(needle));
    }

    function wanted(item, query) {
      return (
        kinds[query.show || "all"](item) &&
        (!query.fault || item.faults.includes(query.fault)) &&
        (!query.view || item.view === query.view) &&
        (!query.task || item.task === query.task) &&
        (query.step === null || query.step === undefined || item.step === query.step) &&
        (!query.low || (item.mean !== null && item.mean >= Number(query.low))) &&
        (!query.high || (item.mean !== null && item.mean <= Number(query.high))) &&
        (!query.text || holds(item, query.text))
      );
    }

    return {
      embedded: true,
      runs: async () => data.runs,
      groups: async (query, offset) => {
        const key = keys[query.sort || "file"];
        const found = data.items.filter((item) => wanted(item, query)).sort((one, two) => key(one) - key(two));
        const rows = found.reduce((sum, item) => sum + item.size, 0);
        return { total: found.length, rows, items: found.slice(offset) };
      },
      group: async (run, group, preset) => {
        const found = data.groups[run]?.[group];
        if (!found) throw new Error("this group is not in the file");
        const usual = found[data.runs[run].preset];
        if (!preset || preset === usual.preset) return usual;
        const rows = new Map(usual.rows.map((row) => [row.row, row]));
        const changed = found[preset];
        return { ...usual, ...changed, rows: changed.rows.map((row) => ({ ...rows.get(row.row), ...row })) };
      },
      image: (key) => data.images[key],
      problem: async () => "",
    };
  }
})();
