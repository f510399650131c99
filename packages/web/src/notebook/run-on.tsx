/** The choice of the device that the next runs of this notebook go to (W51, W52). */
import { runtimeFor } from '@meshbook/core/languages.ts'
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import { comesAlong } from '../moves/comes-along.ts'
import { deviceIcons } from '../shell/device-icons.ts'
import { Icon } from '../shell/icons.tsx'
import { deviceById, devices, me } from '../state/mesh.ts'
import type { NotebookModel } from './notebook-model.ts'
import { keepInNotebook } from './runtime-actions.ts'
import { deviceNamed } from './where.ts'

interface Choice {
  notebook: NotebookModel
  language: string
  close: () => void
  /** Instead of only choosing. */
  choose?: (device: string | undefined) => void
}

export function RunOnChoices({ notebook, language, close, choose }: Choice) {
  const { on } = notebook.runner
  const runsOn = notebook.store.frontMatter.value?.runsOn
  const select = (device: string | undefined) => {
    if (choose) choose(device)
    else on.value = device
    close()
  }
  const session = notebook.sessionOf(language)
  const isGone = on.value !== undefined && !deviceById.value.has(on.value)
  return (
    <div class="run-on">
      <div class="menu-title">Run on…</div>
      <button type="button" class="menu-item" aria-pressed={on.value === undefined} onClick={() => select(undefined)}>
        <Icon name="bolt" />
        <span class="ellipsis">{runsOn === undefined ? 'Automatic' : `As the notebook says: ${runsOn}`}</span>
        {on.value === undefined && <Icon name="check" class="chosen" />}
      </button>
      {devices.value
        .filter(({ kind }) => kind !== 'phone')
        .map(device => (
          <DeviceChoice
            key={device.id}
            device={device}
            language={language}
            session={session}
            isChosen={on.value === device.id}
            select={() => select(device.id)}
          />
        ))}
      {isGone && <p class="faint gone">The device that you chose is not paired any more.</p>}
      <InNotebook notebook={notebook} runsOn={runsOn} close={close} />
    </div>
  )
}

function DeviceChoice({
  device,
  language,
  session,
  isChosen,
  select,
}: {
  device: DeviceInfo
  language: string
  session: SessionInfo | undefined
  isChosen: boolean
  select: () => void
}) {
  const unable = unableWords(device, language)
  const isHere = me.value?.device === device.id
  return (
    <button
      type="button"
      class="menu-item"
      aria-pressed={isChosen}
      disabled={unable !== '' && !isChosen}
      onClick={select}
    >
      <Icon name={deviceIcons[device.kind]} />
      <span class={`dot ${device.status}`} />
      <span class="ellipsis">
        {device.name}
        {isHere && <span class="faint"> this device</span>}
      </span>
      <span class="hint">{unable || waitWords(device, session)}</span>
      {isChosen && <Icon name="check" class="chosen" />}
    </button>
  )
}

function unableWords({ policy, runtimes }: DeviceInfo, language: string): string {
  if (!policy.executes) return 'runs no code'
  const runtime = runtimeFor(language)
  return runtimes.some(candidate => runtimeFor(candidate.language) === runtime) ? '' : `no ${runtime}`
}

/** Honest about an offline choice: it is waited for. */
function waitWords(device: DeviceInfo, session: SessionInfo | undefined): string {
  const { id, status } = device
  // What a session holds is said only where it could be left behind.
  const isElsewhere = session?.device && session.device !== id && session.saved
  if (status === 'online') return isElsewhere ? alongWords(session, device) : 'online'
  return status === 'suspect' ? 'not answering' : 'offline: waits for it'
}

const alongWords = ({ saved }: SessionInfo, device: DeviceInfo): string =>
  comesAlong(saved, device) ? 'with its variables' : 'without its variables'

function InNotebook({
  notebook,
  runsOn,
  close,
}: {
  notebook: NotebookModel
  runsOn: string | undefined
  close: () => void
}) {
  if (!notebook.mayWrite) return null
  const chosen = deviceById.value.get(notebook.runner.on.value ?? '')
  const isSame = runsOn !== undefined && chosen !== undefined && deviceNamed(devices.value, runsOn)?.id === chosen.id
  const keep = (device: string | undefined) => {
    close()
    void keepInNotebook(notebook, device)
  }
  return (
    <>
      {chosen && !isSame && (
        <button type="button" class="menu-item" onClick={() => keep(chosen.name)}>
          <Icon name="bookmark" />
          Keep in the notebook
        </button>
      )}
      {runsOn !== undefined && (
        <button type="button" class="menu-item" onClick={() => keep(undefined)}>
          <Icon name="eraser" />
          <span class="ellipsis">Take “{runsOn}” out of the notebook</span>
        </button>
      )}
    </>
  )
}
