/** What is done about a session, wherever it is shown. */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { api } from '../api/client.ts'
import { notify, report } from '../state/toasts.ts'
import { ask, confirmed } from './ask.ts'
import { counted, sessionName } from './device-words.ts'
import { workOf } from './session-work.ts'

export async function interruptSession(session: Pick<SessionInfo, 'id'>): Promise<void> {
  await api.interrupt(session.id).then(
    () => notify('Interrupted', 'Its variables are still there.'),
    thrown => report(thrown, 'The interrupt was not delivered'),
  )
}

/** Answers whether it was restarted; what waits is asked about only if something does. */
export async function restartSession(session: Pick<SessionInfo, 'id' | 'language' | 'name'>): Promise<boolean> {
  const { waiting } = workOf(session.id)
  const question = {
    title: `Restart ${sessionName(session)}?`,
    text: 'Its variables are lost; outputs stay. Every device and notebook that shares the session starts anew.',
    action: 'Restart',
    danger: true,
  }
  const queued = waiting === 0 ? await keepIfSure(question) : await ask({ ...question, choices: choicesFor(waiting) })
  if (queued === undefined) return false
  try {
    const { cancelled } = await api.restart(session.id, queued === 'cancel' ? 'cancel' : 'keep')
    const dropped = cancelled.length > 0 ? ` ${counted(cancelled.length, 'waiting run')} cancelled.` : ''
    notify('Restarted', `The variables are gone; the outputs stay.${dropped}`)
    return true
  } catch (thrown) {
    report(thrown, 'The restart failed')
    return false
  }
}

async function keepIfSure(question: Parameters<typeof confirmed>[0]): Promise<string | undefined> {
  return (await confirmed(question)) ? 'keep' : undefined
}

function choicesFor(waiting: number) {
  const [runs, them] = waiting === 1 ? ['The waiting run', 'it'] : [`The ${waiting} waiting runs`, 'them']
  return [
    { value: 'keep', label: `${runs}: keep ${them},`, note: 'to start with empty variables' },
    { value: 'cancel', label: `${runs}: cancel ${them}` },
  ]
}
