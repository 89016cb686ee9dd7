/** Series of numbers that grow at the end and are forgotten at the beginning. */

/** Columns of doubles, at most `capacity` rows; oldest rows go first. */
export class Ring {
  constructor(columns, capacity) {
    this.capacity = capacity;
    this.length = 0;
    this.start = 0;
    this.columns = Array.from({ length: columns }, () => new Float64Array(capacity * 2));
  }

  /** Append one row. */
  push(...row) {
    if (this.start + this.length === this.capacity * 2) this.compact();
    const at = this.start + this.length;
    for (let c = 0; c < row.length; c += 1) this.columns[c][at] = row[c];
    if (this.length < this.capacity) this.length += 1;
    else this.start += 1;
  }

  /** The columns from the first row at which `column` is at least `least`, as views that the next push may move. */
  since(column, least) {
    const from = this.seek(column, least);
    const end = this.start + this.length;
    return this.columns.map((values) => values.subarray(from, end));
  }

  /** The newest value of a column; NaN where there is none. */
  last(column) {
    return this.length === 0 ? NaN : this.columns[column][this.start + this.length - 1];
  }

  /** Forget all rows. */
  clear() {
    this.length = 0;
    this.start = 0;
  }

  seek(column, least) {
    const values = this.columns[column];
    let low = this.start;
    let high = this.start + this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] < least) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  compact() {
    for (const values of this.columns) values.copyWithin(0, this.start, this.start + this.length);
    this.start = 0;
  }
}
