// A list of any length of which only the rows in view are in the page.

import { h } from "./dom.ts";
import { type Extent, reveal, scrollHeight, toOffset, toScroll, visible } from "./list_window.ts";

export interface ListOptions {
  label: string;
  row: number; // px per row
  /** Fills a row's element; called again whenever the row may look different. */
  paint(element: HTMLElement, index: number): void;
  /** Told which rows stand in view, so that they can be fetched. */
  needs(first: number, count: number): void;
  pick(index: number): void;
}

export class WindowedList {
  readonly element: HTMLElement;
  private readonly layer = h("div", { class: "rb-list-layer" });
  private readonly spacer = h("div", { class: "rb-list-spacer" });
  private readonly pool = new Map<number, HTMLElement>();
  private readonly spare: HTMLElement[] = [];
  private extent: Extent;
  private offset = 0;
  private setting = -1; // the scrollTop that we set ourselves
  private current = -1;
  private frame = 0;

  constructor(
    private readonly options: ListOptions,
    signal: AbortSignal,
  ) {
    this.extent = { total: 0, row: options.row, view: 0 };
    this.element = h(
      "div",
      { class: "rb-list", role: "listbox", "aria-label": options.label, tabindex: -1 },
      this.layer,
      this.spacer,
    );
    this.element.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
    this.element.addEventListener("wheel", (event) => this.wheeled(event), { signal, passive: false });
    this.layer.addEventListener("click", (event) => this.clicked(event), { signal });
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(this.element);
    signal.addEventListener("abort", () => {
      resized.disconnect();
      cancelAnimationFrame(this.frame);
    });
  }

  /** Shows a list of this length; all rows are painted anew. */
  reset(total: number, current: number): void {
    this.extent = { ...this.extent, total };
    this.current = current;
    this.spacer.style.height = `${scrollHeight(this.extent)}px`;
    for (const element of this.pool.values()) this.put(element);
    this.pool.clear();
    this.move(reveal(this.extent, Math.max(0, (current - 3) * this.extent.row), current));
    this.draw();
  }

  /** Marks a row as the current one and brings it into view. */
  select(index: number): void {
    const before = this.current;
    this.current = index;
    for (const at of [before, index]) {
      const element = this.pool.get(at);
      if (element !== undefined) this.dress(element, at);
    }
    this.move(reveal(this.extent, this.offset, index));
    this.draw();
  }

  /** Paints rows in view again; all of them, or one. */
  repaint(index?: number): void {
    for (const [at, element] of this.pool)
      if (index === undefined || at === index) {
        this.dress(element, at);
        this.options.paint(element, at);
      }
  }

  private resize(): void {
    const view = this.element.clientHeight;
    if (view === this.extent.view || view === 0) return;
    const first = this.extent.view === 0;
    this.extent = { ...this.extent, view };
    if (first) this.move(reveal(this.extent, Math.max(0, (this.current - 3) * this.extent.row), this.current));
    this.draw();
  }

  private scrolled(): void {
    if (Math.abs(this.element.scrollTop - this.setting) > 1) {
      this.setting = -1;
      this.offset = toOffset(this.extent, this.element.scrollTop);
    }
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  /** In a scaled list one wheel step would skip hundreds of rows: there the rows are moved by hand. */
  private wheeled(event: WheelEvent): void {
    if (scrollHeight(this.extent) >= this.extent.total * this.extent.row || event.ctrlKey) return;
    const unit = event.deltaMode === 1 ? this.extent.row : event.deltaMode === 2 ? this.extent.view : 1;
    const before = this.offset;
    this.move(this.offset + event.deltaY * unit);
    if (this.offset !== before) event.preventDefault();
    this.draw();
  }

  private move(offset: number): void {
    const far = Math.max(0, this.extent.total * this.extent.row - this.extent.view);
    this.offset = Math.min(far, Math.max(0, offset));
    if (this.extent.view === 0) return;
    this.setting = toScroll(this.extent, this.offset);
    this.element.scrollTop = this.setting;
    this.setting = this.element.scrollTop;
  }

  private draw(): void {
    const { first, count } = visible(this.extent, this.offset);
    for (const [index, element] of this.pool)
      if (index < first || index >= first + count) {
        this.put(element);
        this.pool.delete(index);
      }
    for (let index = first; index < first + count; index++) {
      let element = this.pool.get(index);
      if (element === undefined) {
        element = this.spare.pop() ?? h("div", { class: "rb-list-row", role: "option" });
        element.hidden = false;
        element.style.height = `${this.extent.row}px`;
        if (element.parentNode === null) this.layer.append(element);
        this.pool.set(index, element);
        element.dataset.index = String(index);
        this.dress(element, index);
        this.options.paint(element, index);
      }
      element.style.transform = `translateY(${Math.round(index * this.extent.row - this.offset)}px)`;
    }
    if (count > 0) this.options.needs(first, count);
  }

  private dress(element: HTMLElement, index: number): void {
    element.setAttribute("aria-posinset", String(index + 1));
    element.setAttribute("aria-setsize", String(this.extent.total));
    element.setAttribute("aria-selected", String(index === this.current));
  }

  private put(element: HTMLElement): void {
    element.hidden = true;
    this.spare.push(element);
  }

  private clicked(event: MouseEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".rb-list-row");
    if (row?.dataset.index !== undefined) this.options.pick(Number(row.dataset.index));
  }
}
