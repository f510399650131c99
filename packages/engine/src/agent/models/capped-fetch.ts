/**
 * A `fetch` whose answers cannot fill the memory: clients of providers keep what came until an event, or a body that is
 * not a stream of events, is whole. Some search all of it again with every piece: neither may be larger than a whole answer.
 */
import { limits } from '@meshbook/core/limits.ts'
import { ModelError } from '../model.ts'

const lineFeed = 10

export function cappedFetch(fetch: typeof globalThis.fetch, most: number = limits.modelAnswerBytes): typeof fetch {
  return async (url, init) => {
    const response = await fetch(url, init)
    if (!response.body) return response
    const isStream = /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')
    const { status, statusText, headers } = response
    return new Response(response.body.pipeThrough(capped(isStream, most)), { status, statusText, headers })
  }
}

function capped(isStream: boolean, most: number): TransformStream<Uint8Array, Uint8Array> {
  let open = 0
  let lineBytes = 0
  return new TransformStream({
    transform(chunk, controller) {
      let from = 0
      for (let at = chunk.indexOf(lineFeed); isStream && at !== -1; at = chunk.indexOf(lineFeed, from)) {
        lineBytes += at - from
        open += at + 1 - from
        // An empty line ends an event; with a return in front of its feed it has one byte.
        if (lineBytes <= 1) open = 0
        lineBytes = 0
        from = at + 1
      }
      lineBytes += chunk.byteLength - from
      open += chunk.byteLength - from
      if (open > most) controller.error(new ModelError('cut', 'an event of the model is larger than allowed'))
      else controller.enqueue(chunk)
    },
  })
}
