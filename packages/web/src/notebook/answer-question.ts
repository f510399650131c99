/**
 * Hands a run the answer to its question. The question comes with the document, which may be faster than the log by which
 * the hub knows of it: a refusal is asked again a few times before it is believed.
 */
import { asApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'

export interface AnswerPorts {
  answerInput(run: string, question: string, text: string): Promise<unknown>
  pause(ms: number): Promise<void>
}

/** Together longer than a log is behind whose output is being sent, and no longer than somebody waits for a press. */
const pausesMs = [100, 200, 400, 800, 1_600, 3_000]

const browser: AnswerPorts = {
  answerInput: api.answerInput,
  pause: ms => new Promise(resolve => setTimeout(resolve, ms)),
}

export async function answerQuestion(
  run: string,
  question: string,
  text: string,
  { answerInput, pause }: AnswerPorts = browser,
): Promise<void> {
  for (const ms of pausesMs) {
    try {
      await answerInput(run, question, text)
      return
    } catch (thrown) {
      if (asApiError(thrown).code !== 'CONFLICT') throw thrown
    }
    await pause(ms)
  }
  await answerInput(run, question, text)
}
