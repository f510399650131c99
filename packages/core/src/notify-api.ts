/**
 * What the hub says and takes about telling people (`/api/v1/push/…`), and the message that a service worker gets. The
 * worker itself reads messages with `notification.ts`, which needs no schema.
 */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { nameSchema, projectIdSchema } from './messages.ts'
import { isTimeZone } from './quiet-hours.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const when = v.nullable(ms)

/**
 * What can be turned off. `wanted`: a run asks whether it is still wanted; `device`: one was lost while it ran something;
 * `budget`: so much of a month's budget is spent; `workflow`: a step of a workflow says something.
 */
export const noticeKinds = ['finished', 'failed', 'input', 'wanted', 'gate', 'device', 'budget', 'workflow'] as const
export type NoticeKind = (typeof noticeKinds)[number]
/** `over`: how something ended that was told before, under the same tag; `summary`: several at once; `code`: confirms a mail address. */
export const messageKinds = [...noticeKinds, 'over', 'summary', 'test', 'code'] as const
export type MessageKind = (typeof messageKinds)[number]

/** What a service worker gets, and a webhook without `receipt`. `url` is a path of the app; of a webhook it is whole. */
export const pushPayloadSchema = v.object({
  v: v.literal(1),
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  kind: v.picklist(messageKinds),
  title: v.pipe(v.string(), v.minLength(1)),
  text: v.pipe(v.string(), v.minLength(1)),
  /** A message replaces the one before it that has the same tag. */
  tag: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/)),
  url: v.pipe(v.string(), v.minLength(1)),
  at: ms,
  receipt: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{32,64}$/)),
})
export type PushPayload = v.InferOutput<typeof pushPayloadSchema>

/** `GET /push/key`. A browser subscribes with `key` as its `applicationServerKey`. */
export const pushKeySchema = v.object({
  key: v.string(),
  /** Whether browsers allow push at the address of this hub; `why` says what to do where they do not. */
  works: v.boolean(),
  why: v.optional(v.string()),
})
export type PushKey = v.InferOutput<typeof pushKeySchema>

const urlSchema = v.pipe(
  v.string(),
  v.maxLength(limits.wayUrlChars),
  v.check(text => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'expected an http or https address'),
)
/** With or without its padding. */
const base64url = (chars: number) =>
  v.pipe(
    v.string(),
    v.regex(new RegExp(`^[A-Za-z0-9_-]{${chars}}={0,2}$`), `expected ${chars} characters of base64url`),
  )

/** As `PushSubscription.toJSON()` has it. */
export const subscriptionSchema = v.object({
  endpoint: urlSchema,
  expirationTime: v.optional(v.nullable(v.number())),
  keys: v.object({ p256dh: base64url(87), auth: base64url(22) }),
})

/** One address and nothing that means something in a header: no quotes, spaces, commas or brackets (NT32). */
export const mailAddressSchema = v.pipe(
  v.string(),
  v.maxLength(limits.mailAddressChars),
  v.regex(
    /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])$/,
    'expected an e-mail address such as ada@example.org',
  ),
)

/** `POST /push/ways/:id/confirm`: what stood in the mail; spaces do not count. */
export const mailCodeSchema = v.object({
  code: v.pipe(v.string(), v.maxLength(32), v.regex(/^(?:\d[\s-]*){8}$/, 'expected the 8 digits of the mail')),
})

/** `GET /push/mail`: whether this hub sends mail, and from which address it comes. */
export const mailOfferSchema = v.object({ works: v.boolean(), from: v.nullable(v.string()) })
export type MailOffer = v.InferOutput<typeof mailOfferSchema>

/** `POST /push/ways`. Saying the same subscription again changes nothing and is answered with 200. */
export const newWaySchema = v.variant('kind', [
  v.object({
    kind: v.literal('push'),
    name: v.optional(nameSchema),
    subscription: subscriptionSchema,
    /** Endpoint of the subscription that the browser had before. */
    replaces: v.optional(v.pipe(v.string(), v.maxLength(limits.wayUrlChars))),
  }),
  v.object({
    kind: v.literal('ntfy'),
    name: v.optional(nameSchema),
    /** Such as https://ntfy.sh */
    server: urlSchema,
    topic: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/)),
    /** Access token; it is never shown again. */
    token: v.optional(v.pipe(v.string(), v.regex(/^[!-~]{1,200}$/))),
  }),
  v.object({ kind: v.literal('webhook'), name: v.optional(nameSchema), url: urlSchema }),
  /** Incoming webhook of Slack, Mattermost, or Discord with `/slack`; whoever has its address can write there. */
  v.object({ kind: v.literal('slack'), name: v.optional(nameSchema), url: urlSchema }),
  v.object({ kind: v.literal('email'), name: v.optional(nameSchema), address: mailAddressSchema }),
])
export type NewWay = v.InferOutput<typeof newWaySchema>
export const wayKinds = ['push', 'ntfy', 'webhook', 'slack', 'email'] as const
export type WayKind = (typeof wayKinds)[number]

export const wayFailures = [
  'unreachable',
  'slow-down',
  'server-error',
  'not-accepted',
  'too-large',
  'not-allowed',
  'moved',
  'address',
  'expired',
  'sealed',
  'mail-off',
  'mail-sign-in',
  'mail-unsafe',
] as const
export type WayFailure = (typeof wayFailures)[number]

const failureSchema = v.object({
  at: ms,
  code: v.picklist(wayFailures),
  detail: v.string(),
  /** What to do about it. */
  next: v.string(),
})

/** How far a test came, last station first reached last: made, accepted by the service, confirmed by the phone (NT21). */
export const wayTestSchema = v.object({
  id: v.string(),
  station: v.picklist(['made', 'accepted', 'confirmed']),
  madeAt: ms,
  acceptedAt: when,
  confirmedAt: when,
  failure: v.nullable(failureSchema),
})
export type WayTest = v.InferOutput<typeof wayTestSchema>

/** `GET /push/ways`. Addresses, topics, tokens and keys are secrets: only the host of a way is told, and what `shown` says. */
export const waySchema = v.object({
  id: v.string(),
  kind: v.picklist(wayKinds),
  name: nameSchema,
  host: v.string(),
  /** As much of the address as may be shown: the host, of a Slack-compatible webhook its end, of a mail address its beginning (NT16). */
  shown: v.string(),
  /** An address that awaits its code: until when the last one is good; 0 when none was sent. Null for what needs none any more (NT31). */
  codeUntil: when,
  createdAt: ms,
  /** It is that of the browser which asks. */
  current: v.boolean(),
  /** Of a push way: SHA-256 of its endpoint, in hex, by which a browser finds its own (NT22). */
  endpointHash: v.nullable(v.string()),
  acceptedAt: when,
  confirmedAt: when,
  failure: v.nullable(failureSchema),
  test: v.nullable(wayTestSchema),
})
export type Way = v.InferOutput<typeof waySchema>

/** Answer of `POST /push/ways`; `secret` signs the requests of a webhook and is shown this once. */
export const madeWaySchema = v.object({ ...waySchema.entries, secret: v.optional(v.string()) })
export type MadeWay = v.InferOutput<typeof madeWaySchema>

/** `POST /push/receipts`, by a service worker, without a session. */
export const receiptSchema = v.object({ receipt: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{32,64}$/)) })

/** `POST /push/looking`: the page is in front of its user, or not any more. Said again at least every `lookingMs / 2`. */
export const lookingSchema = v.object({ visible: v.boolean() })

const isOn = v.optional(v.boolean())
const kinds = v.object({
  finished: isOn,
  failed: isOn,
  input: isOn,
  wanted: isOn,
  gate: isOn,
  device: isOn,
  budget: isOn,
  workflow: isOn,
} satisfies Record<NoticeKind, typeof isOn>)
const seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(86_400))
const time = v.pipe(v.string(), v.regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'expected a time such as 22:30'))

/** `GET|PUT /push/settings`: a whole replaces a whole. A kind that is not named is on. */
export const notifySettingsSchema = v.object({
  kinds,
  /** Runs that took no longer are not told. */
  afterSeconds: seconds,
  quiet: v.nullable(
    v.object({
      from: time,
      to: time,
      zone: v.pipe(v.string(), v.maxLength(64), v.check(isTimeZone, 'expected a time zone such as Europe/Berlin')),
      /** Gates and input are told at once in quiet hours too. */
      urgent: v.boolean(),
    }),
  ),
  /** What is otherwise for one project. */
  projects: v.pipe(
    v.array(v.object({ project: projectIdSchema, kinds, afterSeconds: v.optional(seconds) })),
    v.maxLength(limits.notifyProjectRows),
  ),
})
export type NotifySettings = v.InferOutput<typeof notifySettingsSchema>

export const defaultNotifySettings: NotifySettings = {
  kinds: {},
  afterSeconds: limits.notifyAfterSeconds,
  quiet: null,
  projects: [],
}
