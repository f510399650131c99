/** What opens the panel of account, devices and settings. */
import { me } from '../state/mesh.ts'
import { fromPart } from './from-part.tsx'
import { Icon } from './icons.tsx'
import { later } from './later-when-needed.ts'
import { Popover } from './popover.tsx'

const AccountPanel = fromPart(later, part => part.AccountPanel)

function Avatar() {
  return (
    <span class="avatar" aria-hidden="true">
      {(me.value?.user ?? '').slice(0, 1).toUpperCase()}
    </span>
  )
}

/** At the end of the title bar. */
export function AccountButton() {
  return (
    <Popover
      label="Account, devices and settings"
      title="Account, devices and settings"
      class="icon-button account-button only-wide"
      button={<Avatar />}
    >
      {close => <AccountPanel close={close} />}
    </Popover>
  )
}

/** At the foot of the sidebar, which on a phone is a drawer. */
export function AccountMenu() {
  return (
    <Popover
      label="Account and settings"
      title="Account and settings"
      wordy
      class="side-row"
      button={
        <>
          <Avatar />
          <span class="grow ellipsis">{me.value?.user ?? ''}</span>
          <Icon name="more" />
        </>
      }
    >
      {close => <AccountPanel close={close} />}
    </Popover>
  )
}
