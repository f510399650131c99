/** A model behind Anthropic's Messages API, over a `fetch` that is given. */
import Anthropic, { APIError } from '@anthropic-ai/sdk'
import { faultOfStatus, type Model, ModelError, type ModelPart, type ModelRequest, retryAfterMs } from '../model.ts'
import type { Clock } from '../ports.ts'
import { anthropicRequest } from './anthropic-request.ts'
import { AnthropicAnswer } from './anthropic-stream.ts'
import { cappedFetch } from './capped-fetch.ts'

export interface ProviderOptions {
  /** Carries every request: over a Unix socket, where a broker adds the key. */
  fetch: typeof fetch
  baseUrl: string
  /** A placeholder: who adds the real key replaces it. */
  key: string
  clock: Clock
}

export class AnthropicModel implements Model {
  readonly #client: Anthropic
  readonly #clock: Clock

  constructor({ fetch, baseUrl, key, clock }: ProviderOptions) {
    this.#client = new Anthropic({
      fetch: cappedFetch(fetch),
      baseURL: baseUrl,
      apiKey: key,
      maxRetries: 0,
      logLevel: 'off',
    })
    this.#clock = clock
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelPart, void, void> {
    const answer = new AnthropicAnswer()
    try {
      for await (const event of await this.#client.messages.create(anthropicRequest(request), { signal }))
        yield answer.take(event)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#asFault(error)
    }
    signal.throwIfAborted()
    yield { type: 'answer', answer: answer.end() }
  }

  #asFault(error: unknown): ModelError {
    if (error instanceof ModelError) return error
    if (!(error instanceof APIError))
      return new ModelError('cut', 'the answer of the model is malformed', { cause: error })
    const detail = error.apiMessage ?? error.message
    // An error inside of a stream has no status.
    if (error.status === undefined) return new ModelError(error.type ? 'busy' : 'cut', detail, { cause: error })
    if (error.status === 400 && /prompt is too long|context (?:window|length)/i.test(detail))
      return new ModelError('too-long', detail, { cause: error })
    const waitMs = retryAfterMs(error.headers, this.#clock())
    return new ModelError(faultOfStatus(error.status), detail, {
      cause: error,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    })
  }
}
