/** How busy a device is, as bars that keep their place while the numbers change and while nothing is heard (W60). */
import type { DeviceInfo, Metrics } from '@meshbook/core/messages.ts'
import { memoryText } from './device-words.ts'
import { Icon } from './icons.tsx'

export function DeviceLoad({ device: { metrics, status } }: { device: DeviceInfo }) {
  if (!metrics) return null
  const isLive = status === 'online'
  return (
    <>
      <div class="loads" data-live={isLive}>
        <Bar name="CPU" share={isLive ? metrics.cpu : undefined} />
        <Bar
          name="Memory"
          share={isLive ? usedShare(metrics) : undefined}
          note={metrics.memoryBytes > 0 ? memoryText(metrics.memoryBytes, metrics.memoryFreeBytes) : ''}
        />
        {metrics.gpus.map((gpu, at) => (
          <Bar
            key={at}
            name={gpu.name}
            share={isLive ? gpu.load : undefined}
            note={memoryText(gpu.memoryBytes, gpu.memoryFreeBytes)}
          />
        ))}
      </div>
      <Power metrics={metrics} isLive={isLive} />
    </>
  )
}

function usedShare({ memoryBytes, memoryFreeBytes }: Metrics): number {
  return memoryBytes === 0 ? 0 : 1 - memoryFreeBytes / memoryBytes
}

function Power({ metrics: { battery, metered }, isLive }: { metrics: Metrics; isLive: boolean }) {
  if (!battery && !metered) return null
  const percent = battery && `${Math.round(battery.level * 100)} %`
  return (
    <p class="row faint power" data-live={isLive}>
      {battery && (
        <span class="row">
          <Icon name={battery.charging ? 'bolt' : 'battery'} size={14} />
          {isLive ? `${battery.charging ? 'Charging' : 'On battery'}, ${percent}` : `Was at ${percent}`}
        </span>
      )}
      {metered && <span>Metered network</span>}
    </p>
  )
}

/** With figure spaces in front, so that its first character never moves. */
const inPlace = (percent: number): string => `${String(percent).padStart(3, '\u2007')} %`

function Bar({ name, share, note = '' }: { name: string; share: number | undefined; note?: string }) {
  const percent = share === undefined ? 0 : Math.round(Math.min(1, Math.max(0, share)) * 100)
  return (
    <div class="load" title={note === '' ? name : `${name}: ${note}`}>
      <span class="ellipsis">{name}</span>
      <span class="faint number">{share === undefined ? '–' : inPlace(percent)}</span>
      <span class="bar" data-high={percent >= 90}>
        <span style={{ width: `${percent}%` }} />
      </span>
      {note && <span class="faint note ellipsis">{note}</span>}
    </div>
  )
}
