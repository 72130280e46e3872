// Elements of the page: found by id, made, and given text; nothing that comes from outside is ever read as HTML.

/** @throws Error: the page is not that of this script */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element #${id}`);
  return found as Kind;
}

export function made<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  about: { readonly class?: string; readonly text?: string } = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (about.class !== undefined) element.className = about.class;
  if (about.text !== undefined) element.textContent = about.text;
  element.append(...children);
  return element;
}

/** Only where it differs: a screen reader hears of it, and a layout is made anew. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A colour of the style sheet, by its name without dashes, as the scheme has it now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
