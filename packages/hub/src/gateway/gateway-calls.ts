/** A `fetch` that asks the gateway itself, for the clients of models that run in the hub (WQ42). No credential is in it. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import type { Bill } from './bill.ts'
import { endpointAt } from './endpoints.ts'
import type { ModelAsker, ModelGateway } from './model-gateway.ts'
import { PassingAnswer } from './passing-answer.ts'

export interface GatewayCallsPorts {
  gateway: Pick<ModelGateway, 'answer'>
  random: RandomBytes
}

export interface GatewayCalls {
  /** Paths are those of a task's socket (GW2), behind any host. */
  fetch: typeof fetch
  /** Ends what is under way; resolves to what all of its calls cost, once each of them is settled. */
  end(): Promise<number>
}

export function gatewayCalls({ gateway, random }: GatewayCallsPorts, asker: ModelAsker): GatewayCalls {
  const leaving = new AbortController()
  const passing: Promise<void>[] = []
  let microUsd = 0
  return {
    fetch: async (url, init) => {
      const asked = new Request(url, init)
      const { pathname, search } = new URL(asked.url)
      const bytes = new Uint8Array(await asked.arrayBuffer())
      const headers = { ...Object.fromEntries(asked.headers), 'content-length': String(bytes.byteLength) }
      const endpoint = endpointAt(asked.method, pathname, headers)
      if (!endpoint) throw new MeshError('NOT_FOUND', { detail: pathname })
      const incoming = { method: asked.method, url: `${pathname}${search}`, headers, ...inOnePiece(bytes) }
      const isSettled = Promise.withResolvers<void>()
      const settled = (bill: Bill): void => {
        microUsd += bill.microUsd
        isSettled.resolve()
      }
      const signal = AbortSignal.any([asked.signal, leaving.signal])
      const requestId = Buffer.from(random(12)).toString('hex')
      const {
        status,
        headers: given,
        body,
      } = await gateway.answer(asker, {
        ...{ endpoint, incoming, requestId, signal, settled },
      })
      if (!(body instanceof PassingAnswer)) return new Response(new Uint8Array(body), { status, headers: given })
      passing.push(isSettled.promise)
      return new Response(streamOf(body), { status, headers: given })
    },
    end: async () => {
      leaving.abort(new MeshError('INTERRUPTED'))
      await Promise.all(passing)
      return microUsd
    },
  }
}

function inOnePiece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      yield bytes
    },
  }
}

function streamOf(pieces: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}
