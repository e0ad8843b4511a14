// Edits that were typed and not saved, kept in this browser tab.

export class Drafts {
  private readonly prefix: string;

  constructor(
    subject: string,
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
  ) {
    this.prefix = `reasonbook:draft:${subject}:`;
  }

  get(key: string): Record<string, string> | undefined {
    try {
      const text = this.storage.getItem(this.prefix + key);
      return text === null ? undefined : (JSON.parse(text) as Record<string, string>);
    } catch {
      return undefined;
    }
  }

  set(key: string, texts: Record<string, string>): void {
    try {
      this.storage.setItem(this.prefix + key, JSON.stringify(texts));
    } catch {
      // full or forbidden: the text still stands in the field
    }
  }

  drop(key: string): void {
    try {
      this.storage.removeItem(this.prefix + key);
    } catch {
      // nothing was kept
    }
  }
}
