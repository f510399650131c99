/** One device: what it is, whether it is there, what it can run, how busy it is. */
import type { DeviceInfo, Metrics } from '@meshbook/core/messages.ts'
import { ago } from '../notebook/duration.ts'
import { sessions } from '../state/mesh.ts'
import { Hint } from './hint.tsx'
import { Icon, type IconName } from './icons.tsx'

const icons: Record<DeviceInfo['kind'], IconName> = {
  desktop: 'laptop',
  phone: 'phone',
  server: 'server',
  worker: 'cloud',
}

export function DeviceCard({ device, children }: { device: DeviceInfo; children?: preact.ComponentChildren }) {
  const live = sessions.value.filter(session => session.device === device.id)
  return (
    <article class="card device" data-status={device.status}>
      <div class="row">
        <Icon name={icons[device.kind]} size={18} />
        <h3 class="ellipsis grow">{device.name}</h3>
        {children}
      </div>
      <p class="row">
        <span class={`dot ${device.status}`} />
        <span>{statusText(device)}</span>
        <span class="faint ellipsis">· {device.os}</span>
      </p>
      <Problems device={device} />
      {device.runtimes.length > 0 && (
        <ul class="chips" aria-label="Runtimes">
          {device.runtimes.map(({ language, kernel, version }) => (
            <li key={`${language}-${kernel}`} class="chip" title={`${kernel} ${version}`}>
              {language}
              <span class="faint"> {version.split(' ')[0]}</span>
            </li>
          ))}
        </ul>
      )}
      {device.metrics && device.status === 'online' && <Load metrics={device.metrics} />}
      {live.length > 0 && (
        <p class="faint ellipsis">
          {live.length === 1 ? '1 live session' : `${live.length} live sessions`}:{' '}
          {live.map(session => session.language).join(', ')}
        </p>
      )}
    </article>
  )
}

function Problems({ device: { problems, status } }: { device: DeviceInfo }) {
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

function statusText(device: DeviceInfo): string {
  if (device.status === 'online') return 'Online'
  if (device.status === 'suspect') return 'Not answering'
  return `Last seen ${ago(device.lastSeenAt, Date.now())}`
}

function Load({ metrics }: { metrics: Metrics }) {
  const memory = metrics.memoryBytes === 0 ? 0 : 1 - metrics.memoryFreeBytes / metrics.memoryBytes
  return (
    <div class="loads">
      <Bar name="CPU" share={metrics.cpu} />
      <Bar name="Memory" share={memory} />
      {metrics.gpus.map((gpu, at) => (
        <Bar key={at} name={gpu.name} share={gpu.load} />
      ))}
      {metrics.battery && (
        <Bar name={metrics.battery.charging ? 'Charging' : 'Battery'} share={metrics.battery.level} />
      )}
    </div>
  )
}

function Bar({ name, share }: { name: string; share: number }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100)
  return (
    <div class="load">
      <span class="ellipsis">{name}</span>
      <span class="faint">{percent} %</span>
      <span class="bar">
        <span style={{ width: `${percent}%` }} />
      </span>
    </div>
  )
}
