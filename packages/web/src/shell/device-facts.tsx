/** What is shown of a device wherever it is: its release, what it can run and is set to, what is wrong there. */
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { me } from '../state/known.ts'
import { policyWords } from './device-words.ts'
import { Hint } from './hint.tsx'
import { Icon } from './icons.tsx'

/** The release it runs, marked where it is another than the hub's. */
export function DeviceRelease({ of }: { of: string }) {
  const isOther = me.value !== undefined && me.value.hub.version !== of
  const title = isOther ? `The hub runs ${me.value?.hub.version}` : undefined
  return (
    <span title={title} class={isOther ? 'other-release' : undefined}>
      {' '}
      · Meshbook {of}
      {isOther && ', hub has another'}
    </span>
  )
}

export function DeviceChips({ device }: { device: DeviceInfo }) {
  const policy = policyWords(device.policy, device.kind)
  if (device.runtimes.length === 0 && policy.length === 0) return null
  return (
    <ul class="chips" aria-label="Runtimes and settings">
      {device.runtimes.map(({ language, kernel, version }) => (
        <li key={`${language}-${kernel}`} class="chip" title={`${kernel} ${version}`}>
          {language}
          <span class="faint"> {version.split(' ')[0]}</span>
        </li>
      ))}
      {policy.map(words => (
        <li key={words} class="chip policy-chip">
          {words}
        </li>
      ))}
    </ul>
  )
}

export function DeviceProblems({ device: { problems, status } }: { device: DeviceInfo }) {
  if (!problems || problems.items.length === 0) return null
  return (
    <div class="device-problems">
      {status !== 'online' && <p class="faint">When it was last seen:</p>}
      <ul aria-label="Problems">
        {problems.items.map(({ text, next }) => (
          <li key={text}>
            <Icon name="warning" />
            <span>
              {text}.{' '}
              <span class="muted">
                <Hint text={next} />
              </span>
            </span>
          </li>
        ))}
      </ul>
      {problems.more > 0 && (
        <p class="faint">
          And {problems.more} more: <code>meshbook doctor</code> there lists them.
        </p>
      )}
    </div>
  )
}
