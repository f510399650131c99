/**
 * Ids: branded strings, made only here.
 * An id is `<prefix>_` and 26 lower-case base32 digits: 50 bits of time in ms, then 80 random bits,
 * so ids sort by age. A DeviceId is not made but derived: the hash of the device's public key.
 */
import { MeshError } from './errors.ts'

declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

export type OrgId = Branded<string, 'OrgId'>
export type UserId = Branded<string, 'UserId'>
export type DeviceId = Branded<string, 'DeviceId'>
export type ProjectId = Branded<string, 'ProjectId'>
export type DocumentId = Branded<string, 'DocumentId'>
export type SessionId = Branded<string, 'SessionId'>
export type HeadId = Branded<string, 'HeadId'>
export type RunId = Branded<string, 'RunId'>
export type LeaseId = Branded<string, 'LeaseId'>
export type TokenId = Branded<string, 'TokenId'>
export type TicketId = Branded<string, 'TicketId'>
export type GateId = Branded<string, 'GateId'>
export type AuditId = Branded<string, 'AuditId'>
export type IdentityId = Branded<string, 'IdentityId'>
export type PasskeyId = Branded<string, 'PasskeyId'>
export type InvitationId = Branded<string, 'InvitationId'>
export type PairingId = Branded<string, 'PairingId'>
export type WayId = Branded<string, 'WayId'>
export type SnapshotId = Branded<string, 'SnapshotId'>
export type MoveId = Branded<string, 'MoveId'>
export type WorkerId = Branded<string, 'WorkerId'>
export type ModelCallId = Branded<string, 'ModelCallId'>
export type HookId = Branded<string, 'HookId'>
export type TriggerId = Branded<string, 'TriggerId'>
/** `sha256-` and 64 hex digits of the blob's content. */
export type AssetId = Branded<string, 'AssetId'>

/** Counts the holders of a lease; a larger fence makes every smaller one void. Starts at 1. */
export type Fence = Branded<number, 'Fence'>
/** Position of an event in a run's log. Starts at 1, no gaps. */
export type Seq = Branded<number, 'Seq'>
/** Counts the identities of a document's text (invariant I2). Starts at 1. */
export type Epoch = Branded<number, 'Epoch'>

const prefixes = {
  org: 'org',
  user: 'usr',
  device: 'dev',
  project: 'prj',
  document: 'doc',
  session: 'ses',
  head: 'head',
  run: 'run',
  lease: 'lea',
  token: 'tok',
  ticket: 'tkt',
  gate: 'gate',
  audit: 'aud',
  identity: 'idn',
  passkey: 'pky',
  invitation: 'inv',
  pairing: 'par',
  way: 'way',
  snapshot: 'snp',
  move: 'mov',
  worker: 'wrk',
  modelCall: 'mcl',
  hook: 'hok',
  trigger: 'trg',
} as const

export interface IdTypes {
  org: OrgId
  user: UserId
  device: DeviceId
  project: ProjectId
  document: DocumentId
  session: SessionId
  head: HeadId
  run: RunId
  lease: LeaseId
  token: TokenId
  ticket: TicketId
  gate: GateId
  audit: AuditId
  identity: IdentityId
  passkey: PasskeyId
  invitation: InvitationId
  pairing: PairingId
  way: WayId
  snapshot: SnapshotId
  move: MoveId
  worker: WorkerId
  modelCall: ModelCallId
  hook: HookId
  trigger: TriggerId
}
export type IdKind = keyof IdTypes

/** A source of randomness: fills and returns `length` bytes. Node and browsers: `crypto.getRandomValues`. */
export type RandomBytes = (length: number) => Uint8Array
/** A clock: milliseconds since 1970. */
export type Now = () => number

export const systemRandom: RandomBytes = length => crypto.getRandomValues(new Uint8Array(length))

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** Crockford base32 in lower case, most significant digit first; 5 bits a digit, the last one padded with zeros. */
export function base32(bytes: Uint8Array): string {
  let digits = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      digits += alphabet[(buffer >> bits) & 31]
    }
  }
  if (bits > 0) digits += alphabet[(buffer << (5 - bits)) & 31]
  return digits
}

function timeDigits(ms: number): string {
  let digits = ''
  for (let rest = Math.floor(ms), i = 0; i < 10; i++) {
    digits = alphabet[rest % 32] + digits
    rest = Math.floor(rest / 32)
  }
  return digits
}

export function newId<K extends IdKind>(kind: K, now: number, random: RandomBytes): IdTypes[K] {
  return `${prefixes[kind]}_${timeDigits(now)}${base32(random(10))}` as unknown as IdTypes[K]
}

const idPatterns = new Map<string, RegExp>(
  Object.values(prefixes).map(prefix => [prefix, new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`)]),
)

export function isId<K extends IdKind>(kind: K, text: unknown): text is IdTypes[K] {
  return typeof text === 'string' && idPatterns.get(prefixes[kind])!.test(text)
}

export function parseId<K extends IdKind>(kind: K, text: unknown): IdTypes[K] {
  if (isId(kind, text)) return text
  throw new MeshError('BAD_ID', { detail: `expected a ${kind} id (${prefixes[kind]}_…), got ${show(text)}` })
}

/**
 * Run ids may also be chosen by foreign clients of a document (`exec-123`), so that a run is idempotent by id:
 * 1 to 64 characters of letters, digits, `_`, `.` and `-`, beginning with a letter or digit.
 */
export function isRunId(text: unknown): text is RunId {
  return typeof text === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(text)
}

export function parseRunId(text: unknown): RunId {
  if (isRunId(text)) return text
  throw new MeshError('BAD_ID', {
    detail: `expected a run id of at most 64 letters, digits, "_", "." or "-", got ${show(text)}`,
  })
}

/** The id of a device: the first 130 bits of the SHA-256 of its raw Ed25519 public key. `digest` is that SHA-256. */
export function deviceIdOf(digest: Uint8Array): DeviceId {
  return `dev_${base32(digest).slice(0, 26)}` as unknown as DeviceId
}

export function isAssetId(text: unknown): text is AssetId {
  return typeof text === 'string' && /^sha256-[0-9a-f]{64}$/.test(text)
}

export function parseAssetId(text: unknown): AssetId {
  if (isAssetId(text)) return text
  throw new MeshError('BAD_ID', { detail: `expected an asset id (sha256-…), got ${show(text)}` })
}

export function parseFence(value: unknown): Fence {
  return parseCount('fence', value) as Fence
}
export function parseSeq(value: unknown): Seq {
  return parseCount('seq', value) as Seq
}
export function parseEpoch(value: unknown): Epoch {
  return parseCount('epoch', value) as Epoch
}

function parseCount(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw new MeshError('BAD_ID', { detail: `expected a ${name} (whole number from 1), got ${show(value)}` })
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** The assets that a text names, each once. */
export function assetsIn(text: string): AssetId[] {
  return [...new Set(Array.from(text.matchAll(/sha256-[0-9a-f]{64}(?![0-9a-f])/g), ([name]) => name as AssetId))]
}
