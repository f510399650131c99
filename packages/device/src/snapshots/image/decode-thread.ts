/** The thread of `decode-image.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { decodeImage } from './decode-image.ts'
import { serveOrder } from './part-calls.ts'

serveOrder(parentPort!, workerData, decodeImage)
