/** One device: what it is, whether it is there, what it can run, how busy it is, what it holds (W60). */
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { notebookUrl } from '../state/location.ts'
import { me, projects, sessions } from '../state/mesh.ts'
import { runsHeldBy } from './device-actions.ts'
import { DeviceChips, DeviceProblems, DeviceRelease } from './device-facts.tsx'
import { deviceIcons } from './device-icons.ts'
import { DeviceLoad } from './device-load.tsx'
import { counted, kindWords, sessionName, statusText, systemName, wakeHint } from './device-words.ts'
import { titleOf } from './file-tree.ts'
import { Hint } from './hint.tsx'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { Popover } from './popover.tsx'

export function DeviceCard({ device, children }: { device: DeviceInfo; children?: preact.ComponentChildren }) {
  const isHere = me.value?.device === device.id
  return (
    <article class="card device" data-status={device.status} aria-label={device.name}>
      <div class="row device-top">
        <Icon name={deviceIcons[device.kind]} size={18} />
        <h3 class="ellipsis grow">{device.name}</h3>
        {isHere && <span class="pill accent">This device</span>}
        {device.owner !== undefined && <span class="pill">of {device.owner}</span>}
        {children}
      </div>
      <div class="row device-status">
        <span class={`dot ${device.status}`} />
        <span class="grow ellipsis">{statusText(device, Date.now())}</span>
        <Wake device={device} />
      </div>
      <p class="faint ellipsis">
        {[kindWords[device.kind], systemName(device.os)].filter(Boolean).join(' · ')}
        {device.software !== undefined && <DeviceRelease of={device.software} />}
      </p>
      <DeviceProblems device={device} />
      <DeviceChips device={device} />
      <DeviceLoad device={device} />
      <Holds device={device} />
    </article>
  )
}

/** Behind a button, so that a card does not grow when its device goes away. */
function Wake({ device }: { device: DeviceInfo }) {
  const hint = wakeHint(device)
  if (hint === '' || device.owner !== undefined) return null
  return (
    <Popover label={`How to get ${device.name} back`} wordy class="pill wake" panelClass="padded" button="Wake it…">
      {() => (
        <p class="wake-hint">
          <Hint text={hint} />
        </p>
      )}
    </Popover>
  )
}

function Holds({ device }: { device: DeviceInfo }) {
  const live = sessions.value.filter(session => session.device === device.id)
  const held = runsHeldBy(device.id)
  if (live.length === 0 && held.length === 0) return null
  return (
    <div class="holds">
      {live.length > 0 && (
        <p class="ellipsis">
          <Link to="/sessions">{counted(live.length, device.status === 'offline' ? 'session' : 'live session')}</Link>
          <span class="faint">: {live.map(sessionName).join(', ')}</span>
        </p>
      )}
      {held.map(run => {
        const project = projects.value?.find(({ id }) => id === run.project)
        if (!project || !run.path) return null
        return (
          <p key={run.id} class="row">
            <Icon name="spinner" size={12} class="spin" />
            <Link to={notebookUrl(project.name, run.path)}>{titleOf(run.path)}</Link>
            <span class="faint">{run.status === 'running' ? 'runs' : run.status.replaceAll('-', ' ')}</span>
          </p>
        )
      })}
    </div>
  )
}
