/** What is under way outside of the clock. */
export class Busy {
  onChange: () => void = () => {};
  #under = new Set<object>();

  get is(): boolean {
    return this.#under.size > 0;
  }

  begin(): () => void {
    const token = {};
    this.#under.add(token);
    this.onChange();
    return () => {
      this.#under.delete(token);
      this.onChange();
    };
  }

  /** Nothing has happened for too long: what is under way is not waited for. */
  forget(): void {
    this.#under.clear();
  }
}
