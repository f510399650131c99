/** The thread of `TextReader`: a question, an answer. */
import { parentPort } from 'node:worker_threads'
import type { ThreadAnswer } from './text-reader.ts'
import { type TextsAsked, textsAt } from './texts-at.ts'

parentPort!.on('message', (asked: TextsAsked) => parentPort!.postMessage(answerTo(asked)))

function answerTo(asked: TextsAsked): ThreadAnswer {
  try {
    return { ok: true, texts: textsAt(asked) }
  } catch (thrown) {
    return { ok: false, message: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}
