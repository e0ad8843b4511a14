// A key pressed a moment before its row is here waits for it; nobody judges a row that never came.

const PATIENCE = 1500; // ms that a key waits for its row
const MOST = 8;

export class EarlyKeys {
  private waiting: { at: number; run: () => void; opens: boolean }[] = [];

  constructor(
    private readonly loaded: () => boolean,
    private readonly say: (text: string) => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** Whether what waits last opens a field. */
  get opening(): boolean {
    const last = this.waiting[this.waiting.length - 1];
    return last?.opens === true && this.now() - last.at <= PATIENCE;
  }

  take(run: () => void, opens = false): void {
    if (this.waiting.length === 0 && this.loaded()) {
      run();
      return;
    }
    const first = this.waiting[0];
    if (this.waiting.length >= MOST || (first !== undefined && this.now() - first.at > PATIENCE)) {
      this.waiting = [];
      this.say("This row is still loading.");
      return;
    }
    this.waiting.push({ at: this.now(), run, opens });
    this.catchUp();
  }

  /** To be called when a row has come. */
  catchUp(): void {
    if (this.waiting.length === 0) return;
    queueMicrotask(() => {
      while (this.waiting.length > 0 && this.loaded()) {
        const next = this.waiting.shift();
        if (next === undefined) return;
        if (this.now() - next.at <= PATIENCE) next.run();
        else this.say("The row came late; press the key again.");
      }
    });
  }
}
