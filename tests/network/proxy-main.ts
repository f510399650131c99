/** The proxy of a lab: a door for each router, all of them to the hub. */
import { answerLines } from './answer-lines.ts'
import { doorOf, hubAddress, hubPort, type Router } from './lab.ts'
import { type Fault, TcpProxy } from './tcp-proxy.ts'

const hub = { host: hubAddress, port: hubPort }
const proxies: Record<Router, TcpProxy> = { home: new TcpProxy(hub), carrier: new TcpProxy(hub) }

answerLines(async (request: { do: 'listen' } | { do: 'fault'; router: Router; fault: Fault }) => {
  if (request.do === 'fault') return proxies[request.router].do(request.fault)
  for (const router of ['home', 'carrier'] as const) await proxies[router].listen('0.0.0.0', doorOf[router])
})
