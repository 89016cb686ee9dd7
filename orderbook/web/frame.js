/** Drawing once per animation frame, and never while the tab is hidden. */

const dirty = new Set();
let asked = false;

/** Call `draw` in the next frame, once, however often it is asked for. */
export function invalidate(draw) {
  dirty.add(draw);
  ask();
}

function ask() {
  if (asked || document.hidden || dirty.size === 0) return;
  asked = true;
  requestAnimationFrame((now) => {
    asked = false;
    const due = [...dirty];
    dirty.clear();
    for (const draw of due) draw(now);
  });
}

/** A function that calls `draw` at once, but no more often than every `ms`: the last call of a burst is kept. */
export function paced(draw, ms) {
  let drawn = -Infinity;
  let timer = null;
  const now = () => {
    timer = null;
    drawn = performance.now();
    draw();
  };
  return () => {
    const wait = drawn + ms - performance.now();
    if (wait <= 0) now();
    else timer ??= setTimeout(now, wait);
  };
}

document.addEventListener('visibilitychange', ask);
