/** Whether people can be told (`/push`): push works at the hub's address, and what each way last came to. */
import { listOf } from '@meshbook/core/api.ts'
import { asMeshError } from '@meshbook/core/errors.ts'
import { pushKeySchema, type Way, waySchema } from '@meshbook/core/notify-api.ts'
import { ApiClient } from '../api-client.ts'
import { control } from '../control.ts'
import type { DataFolder } from '../data-folder.ts'
import type { Finding } from './checks.ts'

export async function checkPush(folder: Pick<DataFolder, 'control'>): Promise<Finding[]> {
  try {
    const { hub, token } = await control(folder.control, '/token', {})
    const client = new ApiClient({ hub, token })
    const { works, why } = await client.get('/push/key', pushKeySchema)
    const { items } = await client.get('/push/ways', listOf(waySchema))
    const seen = works ? 'the hub has its key, and browsers allow push at its address' : 'browsers allow no push here'
    return [{ check: 'Push', ok: works, seen, ...(why === undefined ? {} : { fix: why }) }, ...items.map(wayFinding)]
  } catch (thrown) {
    const error = asMeshError(thrown)
    return [{ check: 'Push', ok: false, seen: error.message, fix: error.entry.hint }]
  }
}

export function wayFinding({ kind, name, shown, codeUntil, acceptedAt, confirmedAt, failure }: Way): Finding {
  const check = `Notifications by ${kind} (${name}, ${shown})`
  if (failure) return { check, ok: false, seen: `${failure.code} ${failure.detail}`.trim(), fix: failure.next }
  if (codeUntil !== null)
    return {
      check,
      ok: false,
      seen: 'it awaits its code',
      fix: 'Type the code of the mail under Settings, or have another one sent there.',
    }
  if (confirmedAt !== null) return { check, ok: true, seen: `last confirmed at ${timeText(confirmedAt)}` }
  const accepted = acceptedAt === null ? 'nothing was sent yet' : `last accepted at ${timeText(acceptedAt)}`
  return { check, ok: true, seen: kind === 'push' && acceptedAt !== null ? `${accepted}, never confirmed` : accepted }
}

const timeText = (ms: number): string => new Date(ms).toISOString()
