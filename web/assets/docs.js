// Renders /api/openapi.json: operations by tag, parameters, bodies, answers,
// and a form that sends the request. Text is set as text, never as HTML.
"use strict";

let spec = {};

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

function resolve(schema) {
  while (schema && schema.$ref) schema = schema.$ref.split("/").slice(1).reduce((at, part) => at[part], spec);
  return schema || {};
}

function words(schema) {
  const found = resolve(schema);
  const type = [].concat(found.type || (found.properties ? "object" : "any")).filter((t) => t !== "null")[0];
  let text = type === "array" ? "list of " + words(found.items) : found.format ? type + " (" + found.format + ")" : type;
  const ref = schema && schema.$ref;
  if (ref && type === "object") text = ref.split("/").pop();
  return text;
}

function rules(schema) {
  const found = resolve(schema);
  const inner = found.items ? resolve(found.items) : {};
  const out = [];
  const values = found.enum || inner.enum;
  if (values) out.push("one of " + values.filter((v) => v !== "").join(", "));
  if (found.minimum !== undefined) out.push("at least " + found.minimum);
  if (found.maximum !== undefined) out.push("at most " + found.maximum);
  if (found.maxLength !== undefined) out.push("at most " + found.maxLength + " characters");
  if (found.default !== undefined) out.push("default " + found.default);
  return out.join("; ");
}

function example(schema, depth = 0) {
  const found = resolve(schema);
  if (found.examples && found.examples.length) return found.examples[0];
  if (found.default !== undefined) return found.default;
  if (found.enum) return found.enum.find((v) => v !== "") ?? "";
  const type = [].concat(found.type || "object").filter((t) => t !== "null")[0];
  if (type === "array") {
    const one = found.items && found.items.enum ? found.items.enum : undefined;
    return one ? one.slice() : depth > 4 ? [] : [example(found.items, depth + 1)];
  }
  if (type === "object") {
    const out = {};
    if (depth <= 4) for (const [name, property] of Object.entries(found.properties || {})) out[name] = example(property, depth + 1);
    return out;
  }
  if (type === "integer" || type === "number") return 0;
  if (type === "boolean") return false;
  return found.format === "date-time" ? "2026-11-11T08:00:00Z" : found.format === "date" ? "2026-11-11" : "";
}

function table(caption, heads, rows) {
  if (!rows.length) return null;
  return el("table", {}, el("caption", { class: "skip" }, caption),
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells))));
}

function fields(schema, prefix = "", depth = 0) {
  let found = resolve(schema);
  if (found.items) found = resolve(found.items);
  const required = new Set(found.required || []);
  return Object.entries(found.properties || {}).flatMap(([name, property]) => {
    const row = [el("td", {}, el("code", {}, prefix + name), required.has(name) ? "" : el("span", { class: "soft" }, " (optional)")),
      el("td", { class: "type" }, words(property)),
      el("td", {}, [property.description || resolve(property).description || "", rules(property)].filter(Boolean).join(" — "))];
    const inner = resolve(property).items ? resolve(resolve(property).items) : resolve(property);
    const more = depth < 2 && inner.properties ? fields(inner, prefix + name + (resolve(property).items ? "[]." : "."), depth + 1) : [];
    return [row, ...more];
  });
}

function paragraphs(text) {
  return (text || "").split("\n\n").map((part) => el("p", {}, ...part.split(/(`[^`]*`)/).map((piece) =>
    piece.startsWith("`") ? el("code", {}, piece.slice(1, -1)) : piece)));
}

function parameterTable(op) {
  return table("Parameters", ["Name", "In", "Type", "Meaning"], (op.parameters || []).map((p) => [
    el("td", {}, el("code", {}, p.name), p.required ? "" : el("span", { class: "soft" }, " (optional)")),
    el("td", {}, p.in), el("td", { class: "type" }, words(p.schema)),
    el("td", {}, [p.description, rules(p.schema)].filter(Boolean).join(" — "))]));
}

function answers(op) {
  return Object.entries(op.responses || {}).map(([status, response]) => {
    const content = Object.entries(response.content || {})[0];
    const summary = el("summary", {}, el("code", { class: status < 400 ? "good" : "bad" }, status), " " + (response.description || ""));
    if (!content) return el("p", {}, el("code", { class: "good" }, status), " " + (response.description || ""));
    return el("details", {}, summary, el("p", { class: "soft" }, content[0]),
      table("Fields of the answer " + status, ["Field", "Type", "Meaning"], fields(content[1].schema)),
      el("pre", { tabindex: "0", "aria-label": "Example of the answer " + status }, JSON.stringify(status < 400 ? example(content[1].schema) : { ...example(content[1].schema), status: Number(status) }, null, 2)));
  });
}

// randomUUID is missing where the page came over plain HTTP from another host.
function newKey() {
  return crypto.randomUUID ? crypto.randomUUID() : Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

function tryOut(path, method, op) {
  const id = op.operationId;
  const inputs = (op.parameters || []).map((p) => {
    const initial = p.name === "Idempotency-Key" ? newKey() : p.schema && p.schema.default !== undefined ? String(p.schema.default) : "";
    const input = el("input", { id: id + "-" + p.name, value: initial, spellcheck: "false", autocomplete: "off" });
    return { p, input, node: el("div", {}, el("label", { for: id + "-" + p.name }, p.name + (p.required ? "" : " (optional)")), input) };
  });
  const schema = op.requestBody && op.requestBody.content["application/json"].schema;
  const text = schema && el("textarea", { id: id + "-body", spellcheck: "false" });
  if (text) text.value = JSON.stringify(example(schema), null, 2);
  const output = el("div", { role: "status", "aria-live": "polite" });
  const button = el("button", { type: "submit" }, "Send");
  const key = inputs.find((i) => i.p.name === "Idempotency-Key");
  const form = el("form", {
    oninput: (event) => { if (key && event.target !== key.input) key.input.value = newKey(); }, // another request, another key
    onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      try { await send(path, method, inputs, text, output); } catch (error) { output.replaceChildren(el("p", { class: "bad" }, String(error))); }
      button.disabled = false;
    },
  }, ...inputs.map((i) => i.node), text && el("label", { for: id + "-body" }, "Body"), text, button);
  return [form, output];
}

async function send(path, method, inputs, text, output) {
  let url = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { p, input } of inputs) {
    if (p.in === "path") url = url.replace("{" + p.name + "}", encodeURIComponent(input.value));
    else if (input.value === "") continue;
    else if (p.in === "query") query.set(p.name, input.value);
    else if (p.in === "header") headers[p.name] = input.value;
  }
  const key = document.getElementById("key").value.trim();
  if (key) headers.Authorization = "Bearer " + key;
  if (text) headers["Content-Type"] = "application/json";
  if (query.size) url += "?" + query;
  const began = performance.now();
  const response = await fetch(url, { method: method.toUpperCase(), headers, body: text ? text.value : undefined, credentials: key ? "omit" : "same-origin" });
  const pre = el("pre", { tabindex: "0", "aria-label": "The answer" });
  output.replaceChildren(el("p", { class: response.ok ? "good" : "bad" }, response.status + " " + response.statusText + " in " + Math.round(performance.now() - began) + " ms"), pre);
  if ((response.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) pre.append(part.value);
    return;
  }
  const names = ["Location", "Idempotency-Replayed", "Retry-After", "X-Request-Id"];
  const shown = names.filter((name) => response.headers.get(name)).map((name) => name + ": " + response.headers.get(name));
  let answer = await response.text();
  try { answer = JSON.stringify(JSON.parse(answer), null, 2); } catch { /* not JSON: shown as it is */ }
  pre.textContent = [...shown, "", answer].join("\n").trim();
}

function operation(path, method, op) {
  const inner = el("div", { class: "inner" });
  const details = el("details", {}, el("summary", {}, el("span", { class: "method " + method }, method.toUpperCase()), el("code", {}, path), el("span", { class: "title" }, op.summary || "")), inner);
  details.addEventListener("toggle", () => {
    if (!details.open || inner.childElementCount) return;
    const body = op.requestBody && op.requestBody.content["application/json"].schema;
    const who = (op.security || []).flatMap((one) => Object.keys(one)).map((name) => (name === "apiKey" ? "API key" : "session")).join(" or ");
    inner.append(...[...paragraphs(op.description), el("p", { class: "soft" }, "Needs: " + (who || "nothing")),
      (op.parameters || []).length ? el("h3", {}, "Parameters") : null, parameterTable(op),
      body ? el("h3", {}, "Body") : null, body ? table("Fields of the body", ["Field", "Type", "Meaning"], fields(body)) : null,
      el("h3", {}, "Answers"), ...answers(op), el("h3", {}, "Try it"), ...tryOut(path, method, op)].filter(Boolean));
  });
  return el("article", { class: "card", id: op.operationId, "aria-label": op.summary }, details);
}

function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.querySelector("details");
  if (details) details.open = true;
}

async function render() {
  const about = document.getElementById("about");
  try {
    spec = await (await fetch("/api/openapi.json")).json();
  } catch (error) {
    about.replaceChildren(el("p", { class: "bad" }, "The description cannot be read: " + error));
    return;
  }
  document.getElementById("title").textContent = spec.info.title + " API " + (spec.info.version || "");
  about.replaceChildren(...paragraphs(spec.info.description));
  const groups = new Map((spec.tags || []).map((tag) => [tag.name, { tag, list: [] }]));
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of ["get", "post", "put", "delete"]) {
      const op = item[method];
      if (op) groups.get(op.tags[0]).list.push([path, method, op]);
    }
  }
  const nav = document.getElementById("nav");
  const content = document.getElementById("operations");
  for (const { tag, list } of groups.values()) {
    nav.append(el("h2", {}, tag.name), el("ul", {}, ...list.map(([, , op]) => el("li", {}, el("a", { href: "#" + op.operationId }, op.summary)))));
    content.append(el("section", { "aria-label": tag.name }, el("h2", {}, tag.name), el("p", { class: "soft" }, tag.description), ...list.map((one) => operation(...one))));
  }
  addEventListener("hashchange", open);
  open();
}

render();
