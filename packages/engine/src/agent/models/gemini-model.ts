/** A model behind Gemini's `streamGenerateContent`, over a `fetch` that is given. The SDK is loaded with the first request. */
import type { ApiError, GoogleGenAI } from '@google/genai'
import * as v from 'valibot'
import { faultOfStatus, type Model, ModelError, type ModelPart, type ModelRequest, retryAfterMs } from '../model.ts'
import type { Clock } from '../ports.ts'
import type { ProviderOptions } from './anthropic-model.ts'
import { cappedFetch } from './capped-fetch.ts'
import { geminiRequest } from './gemini-request.ts'
import { GeminiAnswer } from './gemini-stream.ts'

/** What a refusal says, in its body or in an event of the stream. */
const refusalSchema = v.object({
  error: v.object({
    message: v.string(),
    details: v.optional(
      v.array(v.looseObject({ '@type': v.optional(v.string()), retryDelay: v.optional(v.string()) })),
    ),
  }),
})

export class GeminiModel implements Model {
  readonly #fetch: typeof fetch
  readonly #baseUrl: string
  readonly #key: string
  readonly #clock: Clock
  #client: Promise<GoogleGenAI> | undefined

  /** `baseUrl`: without the version, as in `https://generativelanguage.googleapis.com`. */
  constructor({ fetch, baseUrl, key, clock }: ProviderOptions) {
    this.#fetch = cappedFetch(fetch)
    this.#baseUrl = baseUrl
    this.#key = key
    this.#clock = clock
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelPart, void, void> {
    const answer = new GeminiAnswer(request.model)
    // The client neither ends a request that nobody reads on, nor lets go of a signal that it was given.
    const leaving = new AbortController()
    let headers: Headers | undefined
    const noting: typeof fetch = async (url, init) => {
      const response = await this.#fetch(url, init)
      headers = response.headers
      return response
    }
    const { model, contents, config } = geminiRequest(request)
    const abortSignal = AbortSignal.any([signal, leaving.signal])
    try {
      const client = await this.#opened()
      const asked = { ...config, abortSignal, httpOptions: { fetch: noting } }
      for await (const chunk of await client.models.generateContentStream({ model, contents, config: asked }))
        yield* answer.take(chunk)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#asFault(error, headers)
    } finally {
      leaving.abort()
    }
    signal.throwIfAborted()
    yield { type: 'answer', answer: answer.end() }
  }

  #opened(): Promise<GoogleGenAI> {
    this.#client ??= import('@google/genai').then(({ GoogleGenAI }) => {
      // All that is named here would else be read from the environment.
      const httpOptions = { baseUrl: this.#baseUrl, apiVersion: 'v1beta' }
      return new GoogleGenAI({ vertexai: false, apiKey: this.#key, httpOptions })
    })
    return this.#client
  }

  #asFault(error: unknown, headers: Headers | undefined): ModelError {
    if (error instanceof ModelError) return error
    if (!isApiError(error)) {
      const words = error instanceof Error ? error.message : String(error)
      const isMalformed = error instanceof SyntaxError || words.startsWith('Incomplete JSON')
      const why = isMalformed ? 'the answer of the model is malformed' : `the connection to the model broke: ${words}`
      return new ModelError('cut', why, { cause: error })
    }
    const { detail, waitMs } = refusalOf(error.message)
    if (error.status === 400 && /input token count .* exceeds/i.test(detail))
      return new ModelError('too-long', detail, { cause: error })
    const retry = waitMs ?? retryAfterMs(headers, this.#clock())
    return new ModelError(faultOfStatus(error.status), detail, {
      cause: error,
      ...(retry === undefined ? {} : { retryAfterMs: retry }),
    })
  }
}

function isApiError(error: unknown): error is ApiError {
  return error instanceof Error && error.name === 'ApiError' && 'status' in error && typeof error.status === 'number'
}

/** The client hands on the body as text, of an event behind words of its own. */
function refusalOf(message: string): { detail: string; waitMs: number | undefined } {
  const body = v.safeParse(v.pipe(v.string(), v.parseJson(), refusalSchema), message.slice(message.indexOf('{')))
  if (!body.success) return { detail: message, waitMs: undefined }
  const { message: detail, details = [] } = body.output.error
  const seconds = Number.parseFloat(details.find(({ retryDelay }) => retryDelay !== undefined)?.retryDelay ?? '')
  return { detail, waitMs: seconds >= 0 ? Math.ceil(seconds * 1_000) : undefined }
}
