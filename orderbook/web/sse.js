/** Server-sent events over fetch, which can carry a key and says why it was refused; EventSource does neither. */

/** Yield `{id, event, data}` for each event of a response's body, as the HTML standard reads them. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = blank();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line !== '') take(event, line);
      else {
        if (event.data !== null) yield event;
        event = blank(event.id);
      }
    }
    yield null; // bytes came, if only a comment: the connection lives
  }
}

function blank(id = null) {
  return { id, event: 'message', data: null };
}

function take(event, line) {
  const colon = line.indexOf(':');
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'data') event.data = event.data === null ? value : `${event.data}\n${value}`;
  else if (name === 'event') event.event = value;
  else if (name === 'id') event.id = value;
}
