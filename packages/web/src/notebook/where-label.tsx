/** Where the notebook's code runs, in the bar; opened, it lets the user choose, and shows the session (W50). */
import { fromPart } from '../shell/from-part.tsx'
import { Icon, type IconName } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { devices, me } from '../state/mesh.ts'
import { doing } from './doing-when-needed.ts'
import { type OpenNotebook, useNotebook } from './open-notebook.ts'
import { RunOnChoices } from './run-on-when-needed.ts'
import { type WhereFacts, type WhereKind, whereOf } from './where.ts'

const icons: Record<WhereKind, IconName> = {
  live: 'bolt',
  cloud: 'cloud',
  starting: 'spinner',
  away: 'offline',
  next: 'circle',
  none: 'circle',
}

const WhereSession = fromPart(doing, part => part.WhereSession)

export function whereFacts(notebook: OpenNotebook): WhereFacts {
  return {
    session: notebook.sessionOf(notebook.language.value),
    devices: devices.value,
    chosen: notebook.runner.on.value,
    runsOn: notebook.store.frontMatter.value?.runsOn,
    here: me.value?.device,
    isForked: notebook.runner.session.value !== undefined,
    now: Date.now(),
  }
}

export function WhereLabel() {
  const notebook = useNotebook()
  const facts = whereFacts(notebook)
  const { kind, text } = whereOf(facts)
  return (
    <Popover
      label={`Runs on: ${text}`}
      class={`pill where ${kind === 'away' ? 'warn' : ''}`}
      panelClass="padded"
      title="Where it runs"
      button={
        <>
          <Icon name={icons[kind]} size={13} class={kind === 'live' ? 'live' : kind === 'starting' ? 'spin' : ''} />
          <span class="ellipsis">{text}</span>
          {notebook.runner.session.value !== undefined && <Icon name="fork" size={12} />}
        </>
      }
    >
      {close => (
        <div class="why">
          <h2>{text}</h2>
          <WhereSession notebook={notebook} facts={facts} close={close} />
          <RunOnChoices notebook={notebook} language={notebook.language.value} close={close} />
        </div>
      )}
    </Popover>
  )
}
