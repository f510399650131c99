/** A model behind chat completions as OpenAI and many others serve them, over a `fetch` that is given. */
import OpenAI, { APIError } from 'openai'
import { faultOfStatus, type Model, ModelError, type ModelPart, type ModelRequest, retryAfterMs } from '../model.ts'
import type { Clock } from '../ports.ts'
import type { ProviderOptions } from './anthropic-model.ts'
import { cappedFetch } from './capped-fetch.ts'
import { openAiRequest } from './openai-request.ts'
import { OpenAiAnswer } from './openai-stream.ts'

export class OpenAiModel implements Model {
  readonly #client: OpenAI
  readonly #clock: Clock

  /** `baseUrl`: with the version, as in `https://api.openai.com/v1`. */
  constructor({ fetch, baseUrl, key, clock }: ProviderOptions) {
    const unset = { organization: null, project: null, adminAPIKey: null, webhookSecret: null }
    this.#client = new OpenAI({
      fetch: cappedFetch(fetch),
      baseURL: baseUrl,
      apiKey: key,
      maxRetries: 0,
      logLevel: 'off',
      ...unset,
    })
    this.#clock = clock
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelPart, void, void> {
    const answer = new OpenAiAnswer()
    try {
      for await (const chunk of await this.#client.chat.completions.create(openAiRequest(request), { signal }))
        yield answer.take(chunk)
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
    const detail = error.message
    if (error.status === undefined) return new ModelError(error.type ? 'busy' : 'cut', detail, { cause: error })
    if (error.code === 'context_length_exceeded') return new ModelError('too-long', detail, { cause: error })
    if (error.code === 'insufficient_quota') return new ModelError('budget', detail, { cause: error })
    const waitMs = retryAfterMs(error.headers, this.#clock())
    return new ModelError(faultOfStatus(error.status), detail, {
      cause: error,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    })
  }
}
