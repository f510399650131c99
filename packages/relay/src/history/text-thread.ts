/** The thread of `TextReader`: one question, one answer. */
import { parentPort, workerData } from 'node:worker_threads'
import { type TextsAsked, textsAt } from './texts-at.ts'

parentPort!.postMessage(textsAt(workerData as TextsAsked))
