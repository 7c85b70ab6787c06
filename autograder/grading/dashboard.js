// Sorts tables and filters the submissions. The page says all it has to say without it.
"use strict";
(() => {
  const said = document.getElementById("said");
  const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;

  const sort = (table, column, header) => {
    const numbers = header.dataset.kind === "number";
    const before = header.getAttribute("aria-sort");
    const down = before ? before === "ascending" : numbers;  // numbers: the largest first
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const keyed = Array.from(body.rows, (row) => {
      const text = row.cells[column].textContent.trim();
      return [numbers ? parseFloat(text) : text, row];
    });
    const missing = (key) => Number.isNaN(key) || key === "";
    keyed.sort(([a], [b]) => {
      if (missing(a) || missing(b)) return missing(a) - missing(b);  // always last
      const found = numbers ? a - b : inOrder(a, b);
      return down ? -found : found;
    });
    body.append(...keyed.map(([, row]) => row));
    said.textContent = `sorted by ${header.textContent.trim()}, ${down ? "descending" : "ascending"}`;
  };

  for (const table of document.querySelectorAll("table.sorts")) {
    for (const [column, header] of Array.from(table.tHead.rows[0].cells).entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, column, header));
    }
  }

  const form = document.getElementById("filter");
  const rows = Array.from(document.querySelectorAll("#people tbody tr"), (row) => ({
    row, name: row.cells[0].textContent.toLowerCase(), status: row.dataset.s, marks: (row.dataset.m || "").split(" "),
    failed: row.dataset.f === "1",
  }));
  const filter = () => {
    const [text, status, mark] = ["text", "status", "mark"].map((name) => form.elements[name].value);
    const wanted = text.trim().toLowerCase();
    let shown = 0;
    for (const one of rows) {
      const fits = one.name.includes(wanted) && (!mark || one.marks.includes(mark)) &&
        (!status || (status === "failed" ? one.failed : one.status === status));
      one.row.hidden = !fits;
      shown += fits;
    }
    said.textContent = `${shown} of ${rows.length} submissions shown`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  for (const button of document.querySelectorAll("button[data-mark]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      form.reset();
      form.elements.mark.value = button.dataset.mark;
      setTimeout(() => { filter(); form.elements.mark.focus(); form.scrollIntoView(); });
    });
  }
  form.hidden = false;
})();
