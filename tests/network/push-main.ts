/** The strict push service in a namespace, over HTTPS with the certificate that it is given. */
import { readFileSync } from 'node:fs'
import { PushService, type Subscription } from '../push-service.ts'
import { answerLines } from './answer-lines.ts'

const [host = '', cert = '', key = ''] = process.argv.slice(2)
const tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
const service = await PushService.start({ after: undo => process.once('exit', () => undo()) }, { host, tls })
let subscription: Subscription | undefined

answerLines(async (request: { do: 'origin' } | { do: 'subscribe'; serverKey: string } | { do: 'received' }) => {
  if (request.do === 'origin') return service.origin
  if (request.do === 'received')
    return { wrongs: service.wrongs, payloads: subscription?.received.map(it => it.payload) }
  subscription = service.subscribe(request.serverKey)
  return subscription.toJSON()
})
