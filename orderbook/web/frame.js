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

document.addEventListener('visibilitychange', ask);
