/** What goes over the wire for a notice on each kind of way. Nothing is sent here. */
import { createHmac } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { MessageKind, PushPayload } from '@meshbook/core/notify-api.ts'
import webPush from 'web-push'
import type { OutgoingRequest } from '../outgoing/guarded-request.ts'
import { pushServiceAllows } from '../outgoing/push-services.ts'
import type { ClaimedDelivery } from '../store/deliveries.ts'
import type { WayTarget } from '../store/ways.ts'
import { slackMessage } from './slack-message.ts'

export interface RequestPorts {
  /** Of the hub's key, and its voice. */
  details: { subject: string; publicKey: string; privateKey: string }
  /** Under which people reach the hub. */
  hubUrl: string
  /** Push services beyond the known ones. */
  pushServices: readonly string[]
  now: number
  receipt: string
}

export function requestOf(claimed: ClaimedDelivery, ports: RequestPorts): OutgoingRequest {
  const { target } = claimed
  if (target.kind === 'push') return pushRequest(claimed, ports)
  if (target.kind === 'ntfy') return ntfyRequest(claimed, ports)
  if (target.kind === 'slack') return slackRequest(claimed, ports)
  if (target.kind === 'webhook') return webhookRequest(claimed, ports)
  throw new MeshError('INTERNAL', { detail: `a way of kind ${target.kind} has no request` })
}

/** What was typed in by a user may lead inside only where the owner of the hub did it. */
const allowsOf = ({ inside }: WayTarget) => (inside ? (['public', 'private'] as const) : (['public'] as const))

/** `v`, title and text are there by their types: nothing else makes a message (NT11). */
function payloadOf({ notice }: ClaimedDelivery, receipt: string): PushPayload {
  const { id, kind, title, text, tag, url, madeAt: at } = notice
  return { v: 1, id, kind, title, text, tag, url, at, receipt }
}

const isUrgent = (kind: MessageKind): boolean => kind === 'gate' || kind === 'input'

function pushRequest(claimed: ClaimedDelivery, ports: RequestPorts): OutgoingRequest {
  const { target, notice, until } = claimed
  const { url, p256dh, auth } = target
  if (p256dh === null || auth === null) throw new MeshError('INTERNAL', { detail: `way ${target.id} has no keys` })
  const { headers, body } = webPush.generateRequestDetails(
    { endpoint: url, keys: { p256dh, auth } },
    JSON.stringify(payloadOf(claimed, ports.receipt)),
    {
      vapidDetails: ports.details,
      contentEncoding: 'aes128gcm',
      TTL: Math.max(0, Math.ceil((until - ports.now) / 1_000)),
      urgency: isUrgent(notice.kind) ? 'high' : 'normal',
      // What waits at the service for a phone that is off is replaced by what came of it.
      topic: notice.tag,
    },
  )
  const texts = Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)] as const)
  return {
    url,
    method: 'POST',
    headers: Object.fromEntries(texts.filter(([name]) => name.toLowerCase() !== 'content-length')),
    body: body as Buffer,
    allows: pushServiceAllows(url, ports.pushServices),
  }
}

const ntfyTags: Readonly<Record<MessageKind, string>> = {
  finished: 'white_check_mark',
  failed: 'x',
  input: 'speech_balloon',
  wanted: 'question',
  gate: 'warning',
  device: 'electric_plug',
  budget: 'moneybag',
  workflow: 'loudspeaker',
  over: 'heavy_check_mark',
  summary: 'clipboard',
  test: 'wave',
  code: 'key',
}

function ntfyPriority(kind: MessageKind): number {
  if (kind === 'over') return 2
  return isUrgent(kind) ? 4 : 3
}

/** As JSON, so that no header has to carry words in other scripts. */
function ntfyRequest({ target, notice }: ClaimedDelivery, { hubUrl }: RequestPorts): OutgoingRequest {
  const { title, text: message, kind, url } = notice
  const link = { click: new URL(url, hubUrl).href }
  const body = { topic: target.topic, title, message, priority: ntfyPriority(kind), tags: [ntfyTags[kind]], ...link }
  const token = target.secret === null ? {} : { authorization: `Bearer ${target.secret}` }
  return {
    url: target.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...token },
    body: JSON.stringify(body),
    allows: allowsOf(target),
  }
}

function webhookRequest(claimed: ClaimedDelivery, { hubUrl, now, receipt }: RequestPorts): OutgoingRequest {
  const { target, notice } = claimed
  const { receipt: _, ...told } = payloadOf(claimed, receipt)
  const body = JSON.stringify({ ...told, url: new URL(notice.url, hubUrl).href })
  const signature = webhookSignature(target.secret ?? '', body, Math.floor(now / 1_000))
  return {
    url: target.url,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Meshbook',
      'x-meshbook-delivery': notice.id,
      'x-meshbook-signature': signature,
    },
    body,
    allows: allowsOf(target),
  }
}

function slackRequest({ target, notice }: ClaimedDelivery, { hubUrl }: RequestPorts): OutgoingRequest {
  const { title, text, url } = notice
  return {
    url: target.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'Meshbook' },
    body: JSON.stringify(slackMessage({ title, text, link: new URL(url, hubUrl).href })),
    allows: allowsOf(target),
  }
}

/** `t=<seconds since 1970>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`: who keeps a message cannot send it again later (NT14). */
export function webhookSignature(secret: string, body: string, seconds: number): string {
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${mac}`
}
