// Which rows of a very long list stand in view. Browsers cap an element's height (17–33 million pixels), so a list
// that would be taller is scaled: the scroll bar shows where one is, wheel and keys still move row by row.

export interface Extent {
  total: number; // rows
  row: number; // px per row
  view: number; // px of the viewport
}

export const TALLEST = 8_000_000;

/** Height of the element that gives the scroll bar its length. */
export function scrollHeight({ total, row }: Extent): number {
  return Math.min(total * row, TALLEST);
}

/** How far the rows can move up: what a scroll bar at its end means. */
export function reach({ total, row, view }: Extent): number {
  return Math.max(0, total * row - view);
}

/** Pixels that rows have moved up, for a position of the scroll bar. */
export function toOffset(extent: Extent, scrollTop: number): number {
  const travel = scrollHeight(extent) - extent.view;
  if (travel <= 0) return 0;
  return Math.min(reach(extent), Math.max(0, (scrollTop / travel) * reach(extent)));
}

/** The position of the scroll bar for rows moved up by so much. */
export function toScroll(extent: Extent, offset: number): number {
  const far = reach(extent);
  return far <= 0 ? 0 : (Math.min(far, Math.max(0, offset)) / far) * (scrollHeight(extent) - extent.view);
}

/** First row and number of rows that touch the view. */
export function visible({ total, row, view }: Extent, offset: number): { first: number; count: number } {
  const first = Math.max(0, Math.floor(offset / row));
  const last = Math.min(total, Math.ceil((offset + view) / row));
  return { first, count: Math.max(0, last - first) };
}

/** The offset that brings a row into view with the least movement, a row to spare on either side. */
export function reveal({ total, row, view }: Extent, offset: number, index: number): number {
  const spare = Math.min(row, Math.max(0, view - row) / 2);
  const lowest = index * row - spare;
  const highest = (index + 1) * row + spare - view;
  const wanted = offset > lowest ? lowest : Math.max(highest, offset);
  return Math.min(Math.max(0, total * row - view), Math.max(0, wanted));
}
