/** The devices of the mesh on the phone: what they are, whether they are there, how busy, what is wrong, what to do. */
import '../styles/pages.css'
import '../styles/devices.css'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { useEffect, useState } from 'preact/hooks'
import { isOwn, rename, revoke, runsHeldBy } from '../../shell/device-actions.ts'
import { DeviceChips, DeviceProblems, DeviceRelease } from '../../shell/device-facts.tsx'
import { deviceIcons } from '../../shell/device-icons.ts'
import { DeviceLoad } from '../../shell/device-load.tsx'
import { counted, kindWords, sessionName, statusText, systemName, wakeHint } from '../../shell/device-words.ts'
import { Hint } from '../../shell/hint.tsx'
import { Icon as SmallIcon } from '../../shell/icons.tsx'
import { devices, loadRuns, me, sessions, signedIn, hub as stream } from '../../state/mesh.ts'
import { hub } from '../first-list.ts'
import { runAt } from '../place.ts'
import { runTitle } from '../runs/run-rows.tsx'
import { say } from '../say.ts'
import { Asked } from '../shell/asked.tsx'
import { Go } from '../shell/go.tsx'
import { PageHead } from '../shell/page-head.tsx'

export function DevicesPage() {
  useEffect(() => {
    loadRuns().catch(thrown => say(thrown, 'The runs on the devices could not be loaded'))
  }, [])
  const list = devices.value
  const isKnown = list.length > 0 || (signedIn.value === 'yes' && stream.value === 'open')
  return (
    <main class="page">
      <PageHead title="Devices" />
      {hub.value === 'down' && list.length > 0 && (
        <p class="note" role="status">
          This is how they were when the hub last answered.
        </p>
      )}
      {!isKnown && <Unknown />}
      {isKnown && list.length === 0 && <NoDevice />}
      {list.map(device => (
        <DeviceCard key={device.id} device={device} />
      ))}
      {!me.value?.machine && (
        <Go to="/m/pair" class="button wide">
          Pair a device
        </Go>
      )}
      <Asked />
    </main>
  )
}

function DeviceCard({ device }: { device: DeviceInfo }) {
  const [isAwake, setAwake] = useState(false)
  const hint = isOwn(device) ? wakeHint(device) : ''
  return (
    <article class="device-card" aria-label={device.name} data-status={device.status}>
      <header>
        <SmallIcon name={deviceIcons[device.kind]} size={20} />
        <h2>{device.name}</h2>
        {me.value?.device === device.id && <span class="pill accent">This device</span>}
        {device.owner !== undefined && <span class="pill">of {device.owner}</span>}
      </header>
      <p>
        <span class={`dot ${device.status}`} /> {statusText(device, Date.now())}
      </p>
      <p class="faint">
        {[kindWords[device.kind], systemName(device.os)].filter(Boolean).join(' · ')}
        {device.software !== undefined && <DeviceRelease of={device.software} />}
      </p>
      <DeviceProblems device={device} />
      <DeviceChips device={device} />
      <DeviceLoad device={device} />
      <Holds device={device} />
      {isAwake && (
        <p class="note" role="status">
          <Hint text={hint} />
        </p>
      )}
      <div class="card-actions">
        {hint !== '' && (
          <button type="button" class="button" aria-expanded={isAwake} onClick={() => setAwake(!isAwake)}>
            Wake it…
          </button>
        )}
        {isOwn(device) && (
          <button type="button" class="button" onClick={() => void rename(device)}>
            Rename
          </button>
        )}
        {isOwn(device) && !me.value?.machine && (
          <button type="button" class="button danger" onClick={() => void revoke(device)}>
            Revoke
          </button>
        )}
      </div>
    </article>
  )
}

function Holds({ device }: { device: DeviceInfo }) {
  const live = sessions.value.filter(session => session.device === device.id)
  const held = runsHeldBy(device.id)
  return (
    <>
      {live.length > 0 && (
        <p class="faint">
          {counted(live.length, device.status === 'offline' ? 'session' : 'live session')}:{' '}
          {live.map(sessionName).join(', ')}
        </p>
      )}
      {held.map(run => (
        <Go key={run.id} to={runAt(run.id)} class="row">
          <span class="words">
            <span class="name">{runTitle(run)}</span>
            <span class="about">{run.status === 'running' ? 'runs' : run.status.replaceAll('-', ' ')}</span>
          </span>
        </Go>
      ))}
    </>
  )
}

function Unknown() {
  if (hub.value !== 'down')
    return (
      <div class="rows waiting" role="status" aria-label="Loading the devices">
        <div class="row" />
        <div class="row" />
      </div>
    )
  return (
    <div class="empty">
      <h2>Your devices are not known</h2>
      <p>The hub cannot be reached. They are shown when it answers.</p>
    </div>
  )
}

function NoDevice() {
  return (
    <div class="empty">
      <h2>Add your first device</h2>
      <p>A device is a machine of yours that runs code. On a computer with a terminal, type</p>
      <pre class="run-code">
        <code>npx meshbook up --hub {me.value?.hub.publicUrl ?? location.origin}</code>
      </pre>
      <p>and confirm it here. It appears by itself as soon as it is connected.</p>
    </div>
  )
}
