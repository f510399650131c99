/**
 * How a device proves itself at the upgrade of `/channel`: the one header both ends write and read.
 *
 *     Authorization: MeshDevice <deviceId>.<timestampMs>.<nonce>.<signature>
 *
 * `signature` is base64url of the Ed25519 signature over `channelProofText(…)` as UTF-8, made with the device's key.
 * The hub takes a proof once (it remembers the nonce) and only within `proofWindowMs` of its own clock.
 * Pure text: signing and verifying belong to the device and the hub.
 */
import { type DeviceId, isId } from './ids.ts'

export const proofScheme = 'MeshDevice'
/** How far the clocks of a device and the hub may differ; also how long the hub remembers a nonce. */
export const proofWindowMs = 60_000

export interface ChannelProof {
  device: DeviceId
  /** Milliseconds since 1970 on the device's clock. */
  timestamp: number
  /** 16 to 64 characters of base64url, new for each attempt. */
  nonce: string
  /** Base64url, 86 characters. */
  signature: string
}

/**
 * What is signed. `host` is the Host header as the device sends it: name or address, with the port when it is not the
 * default one of the scheme, in lower case (`127.0.0.1:3005`, `mesh.example`), so that a proof for one hub is void at another.
 */
export function channelProofText(host: string, proof: Omit<ChannelProof, 'signature'>): string {
  return `meshbook-channel|${host.toLowerCase()}|${proof.device}|${proof.timestamp}|${proof.nonce}`
}

export function writeChannelProof(proof: ChannelProof): string {
  return `${proofScheme} ${proof.device}.${proof.timestamp}.${proof.nonce}.${proof.signature}`
}

/** The proof in an Authorization header, or undefined when the header is not one. Nothing is verified here. */
export function readChannelProof(header: string | undefined): ChannelProof | undefined {
  const match =
    header && /^MeshDevice ([a-z0-9_]{30})\.(\d{1,15})\.([A-Za-z0-9_-]{16,64})\.([A-Za-z0-9_-]{86})$/.exec(header)
  if (!match) return undefined
  const [, device, timestamp, nonce, signature] = match
  return isId('device', device)
    ? { device, timestamp: Number(timestamp), nonce: nonce!, signature: signature! }
    : undefined
}
