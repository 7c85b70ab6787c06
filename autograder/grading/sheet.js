// Keeps what is entered, counts it, and saves it as a CSV. Nothing leaves the page but that file.
"use strict";
(() => {
  const form = document.getElementById("sheet");
  const key = `sheet ${form.dataset.digest}`;
  const articles = Array.from(document.querySelectorAll("article"));
  const said = document.getElementById("said");
  let unsaved = false;
  const inputs = (article) => Array.from(article.querySelectorAll("input"));
  const comment = (article) => article.querySelector("textarea");

  const state = (article) => {
    const values = inputs(article).map((input) => input.value.trim());
    if (values.every((value) => value === "")) return "open";
    return inputs(article).every((input) => input.value !== "" && input.checkValidity()) ? "done" : "partly";
  };
  const count = () => {
    const states = articles.map(state);
    const partly = states.filter((one) => one === "partly").length;
    said.textContent = `${states.filter((one) => one === "done").length} of ${articles.length} graded` +
      (partly ? `, ${partly} partly or out of range` : "");
    articles.forEach((article, i) => { article.dataset.state = states[i]; });
  };
  const keep = () => {
    const entered = {};
    for (const article of articles) {
      const values = inputs(article).map((input) => input.value);
      if (values.some(Boolean) || comment(article).value) entered[article.id] = [values, comment(article).value];
    }
    try { localStorage.setItem(key, JSON.stringify(entered)); } catch { /* a browser that keeps nothing */ }
  };
  try {
    const entered = JSON.parse(localStorage.getItem(key) || "{}");
    for (const article of articles) {
      if (!entered[article.id]) continue;
      inputs(article).forEach((input, i) => { input.value = entered[article.id][0][i] ?? ""; });
      comment(article).value = entered[article.id][1];
    }
  } catch { /* the same */ }

  // A cell that no spreadsheet takes for a formula, in quotes where it needs them.
  const cell = (text) => {
    const safe = /^[\s]*[=+\-@＝＋－＠]|^[\t\r\n]/.test(text) ? `'${text}` : text;
    return /[",;\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = () => {
    const columns = JSON.parse(form.dataset.columns);
    const items = columns.filter((name) => name.startsWith("points ")).length;
    const lines = [columns.join(",")];
    for (const article of articles) {
      if (state(article) === "open" && !comment(article).value) continue;
      const values = inputs(article).map((input) => input.value);
      while (values.length < items) values.push("");
      lines.push([article.dataset.code, article.dataset.question, ...values, comment(article).value].map(cell).join(","));
    }
    return "\ufeff" + lines.join("\r\n") + "\r\n";
  };
  document.getElementById("save").addEventListener("click", () => {
    const bad = articles.find((article) => state(article) === "partly");
    if (bad) {
      inputs(bad).find((input) => input.value === "" || !input.checkValidity()).focus();
      said.textContent = `not saved: ${bad.dataset.code} is graded partly, or out of range`;
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = `${form.dataset.stem}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
    unsaved = false;
    said.textContent += ", saved";
  });
  document.getElementById("next").addEventListener("click", () => {
    const open = articles.find((article) => state(article) !== "done");
    if (open) { open.scrollIntoView(); inputs(open)[0].focus(); }
  });
  form.addEventListener("input", () => { unsaved = true; count(); keep(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  document.getElementById("bar").hidden = false;
  count();
})();
