'use strict';

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function describe(path, method, operation) {
  const call = element('div', operation.deprecated ? 'call old' : 'call');
  const head = element('div');
  head.append(element('span', 'method', method.toUpperCase()), element('code', '', path));
  call.append(head);
  if (operation.description) call.append(element('p', '', operation.description));
  for (const parameter of operation.parameters || []) {
    call.append(element('p', '', `?${parameter.name}: ${parameter.description || ''}`));
  }
  return call;
}

async function start() {
  const description = await (await fetch('/openapi.json')).json();
  const sections = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] || 'other';
      if (!sections.has(tag)) {
        const card = element('section', 'card');
        card.append(element('h2', '', tag));
        sections.set(tag, card);
      }
      sections.get(tag).append(describe(path, method, operation));
    }
  }
  document.getElementById('calls').replaceChildren(...sections.values());
}

start().catch(() => {
  document.getElementById('calls').textContent = 'The description cannot be loaded';
});
