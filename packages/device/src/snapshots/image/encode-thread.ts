/** The thread of `encode-image.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { encodeImage } from './encode-image.ts'
import { serveOrder } from './part-calls.ts'

serveOrder(parentPort!, workerData, encodeImage)
