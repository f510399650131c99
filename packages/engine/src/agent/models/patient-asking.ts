/** Asks one model after another, with pauses between, until one has answered as a whole or none can. */
import { limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '../../backoff.ts'
import { type Answer, type Model, ModelError, type ModelRequest, type Piece } from '../model.ts'
import type { Time } from '../ports.ts'

/** A model of a chain: the first is asked; the others are for when it cannot answer. */
export interface ModelChoice {
  model: Model
  name: string
  /** Tokens of question and answer together. */
  windowTokens: number
  maxOutputTokens: number
}

export type PatientPart =
  /** This model is asked; what a try before it said is void. */
  | { type: 'asking'; model: string }
  | { type: 'waiting'; why: string; waitMs: number }
  | Piece
  | { type: 'answer'; answer: Answer; choice: ModelChoice }

export interface Patience {
  time: Time
  /** Tries of the last model of the chain; those before it have half of them. */
  tries?: number
  silentMs?: number
  answerMs?: number
}

export type Question = Omit<ModelRequest, 'model' | 'maxOutputTokens'>

export async function* askPatiently(
  chain: readonly ModelChoice[],
  question: Question,
  patience: Patience,
  signal: AbortSignal,
): AsyncGenerator<PatientPart, void, void> {
  const { time, tries = limits.modelTries } = patience
  for (const [at, choice] of chain.entries()) {
    const isLast = at === chain.length - 1
    const most = isLast ? tries : Math.max(1, Math.floor(tries / 2))
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      yield { type: 'asking', model: choice.name }
      try {
        yield* askOnce(choice, question, patience, signal)
        return
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof ModelError) || !mayBeOvercome(error)) throw error
        const waitMs = pauseAfter(error, attempt, time)
        if (error.fault === 'unknown-model' || attempt >= most || waitMs > limits.modelWaitMs) {
          if (isLast) throw error
          yield { type: 'waiting', why: `${error.detail}; ${chain[at + 1]!.name} is asked instead`, waitMs: 0 }
          break
        }
        yield { type: 'waiting', why: `${error.detail}; ${choice.name} is asked again`, waitMs }
        await time.sleep(waitMs, signal)
      }
    }
  }
}

function mayBeOvercome({ fault }: ModelError): boolean {
  return fault === 'busy' || fault === 'cut' || fault === 'unknown-model'
}

function pauseAfter(error: ModelError, attempt: number, { random }: Time): number {
  const { modelRetryMinMs: minMs, modelRetryMaxMs: maxMs } = limits
  return Math.max(error.retryAfterMs ?? 0, backoffMs({ attempt, minMs, maxMs, random }))
}

/** One try, given up when it is silent for too long, takes too long or says too much. */
async function* askOnce(
  choice: ModelChoice,
  question: Question,
  { silentMs = limits.modelSilentMs, answerMs = limits.modelAnswerMs }: Patience,
  signal: AbortSignal,
): AsyncGenerator<PatientPart, void, void> {
  const tooSlow = new AbortController()
  const giveUp = (why: string) => () => tooSlow.abort(new ModelError('cut', why))
  const whole = setTimeout(giveUp(`the model did not end its answer within ${answerMs / 1_000} s`), answerMs)
  let silent: NodeJS.Timeout | undefined
  const heard = () => {
    clearTimeout(silent)
    silent = setTimeout(giveUp(`the model was silent for ${silentMs / 1_000} s`), silentMs)
  }
  const request = { ...question, model: choice.name, maxOutputTokens: choice.maxOutputTokens }
  let said = 0
  try {
    heard()
    for await (const part of choice.model.stream(request, AbortSignal.any([signal, tooSlow.signal]))) {
      heard()
      if (part.type === 'answer') return yield { ...part, choice }
      said += part.type === 'piece' ? part.text.length : part.chars
      if (said > limits.modelAnswerBytes) throw new ModelError('cut', 'the answer of the model is larger than allowed')
      if (part.type === 'piece') yield part
    }
    throw new ModelError('cut', 'the answer of the model ended in its middle')
  } finally {
    clearTimeout(whole)
    clearTimeout(silent)
  }
}
