/** Who brought a change, in words for a list of versions: a device, a browser, a program; and where the relay's connections carry it. */
import type { Author } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { ChangeMark, ChangeSource } from '@meshbook/relay/history/change-groups.ts'
import type { Peer } from '@meshbook/relay/relay.ts'
import { browserName } from '../auth/browser-name.ts'
import { credentialKey, type Principal } from '../auth/principal.ts'
import type { DeviceRow } from '../store/identity.ts'

export function authorOf({ credential, name }: Principal, agent: string): Author {
  const id = credentialKey(credential)
  if (credential.kind === 'session') return { kind: 'browser', id, name: browserName(agent), user: name }
  return { kind: 'program', id, name: programName(agent), user: name }
}

export function deviceAuthor({ id, name, userName }: DeviceRow): Author {
  return { kind: 'device', id: credentialKey({ kind: 'device', id }), name, user: userName }
}

/** What a connection's tag says; its maker wrote it, so it is not checked again. */
export function sourceOf({ tag }: Peer): ChangeSource {
  const { author, mark } = (tag ?? {}) as { author?: Author; mark?: ChangeMark }
  return { author, mark }
}

/** A browser with a ticket is a browser; any other program is called what it calls itself. */
function programName(agent: string): string {
  if (/^Mozilla\//.test(agent)) return browserName(agent)
  const own = /^[\p{L}\p{N}][\p{L}\p{N}._ -]*/u.exec(agent)?.[0].trim() ?? ''
  return own === '' || own === 'node' ? 'A program' : own.slice(0, limits.nameChars)
}
