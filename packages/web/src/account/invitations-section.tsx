/** Whom the person invited; a new link is shown once. */
import type { InvitationInfo } from '@meshbook/core/account-api.ts'
import { useState } from 'preact/hooks'
import { accountApi } from '../api/account.ts'
import { ago } from '../notebook/duration.ts'
import { ask } from '../shell/ask.ts'
import { Icon } from '../shell/icons.tsx'
import { notify } from '../state/toasts.ts'
import { type Act, Row, Section } from './account-section.tsx'

interface InvitationsProps {
  title?: string
  invitations: InvitationInfo[]
  act: Act
  reload: () => void
}

export function Invitations({ title = 'Invitations', invitations, act, reload }: InvitationsProps) {
  const [made, setMade] = useState<InvitationInfo | undefined>(undefined)
  const invite = async (): Promise<void> => {
    const note = await ask({ title: 'Invite somebody', label: 'For whom', value: '', action: 'Make a link' })
    if (note === undefined) return
    setMade(await accountApi.invite(note))
    reload()
  }
  const copy = async (link: string): Promise<void> => {
    await navigator.clipboard.writeText(link)
    notify('The link is copied')
  }
  return (
    <Section id="invitations" title={title} text="A link makes one account on this hub, within seven days.">
      {made?.link && (
        <div class="invitation" role="status">
          <p>Send this link. It is not shown again.</p>
          <code>{made.link}</code>
          <button type="button" class="button" onClick={() => act('It was not copied', () => copy(made.link!))}>
            <Icon name="copy" /> Copy
          </button>
        </div>
      )}
      <ul class="account-list">
        {invitations.map(invitation => (
          <Row
            key={invitation.id}
            icon="plus"
            title={invitation.note || 'Somebody'}
            mark={invitation.usedBy !== null && 'accepted'}
            note={invitation.usedBy === null ? `made ${ago(invitation.createdAt, Date.now())}` : invitation.usedBy}
          >
            {invitation.usedBy === null && (
              <button
                type="button"
                class="button"
                aria-label={`Withdraw the invitation for ${invitation.note || 'somebody'}`}
                onClick={() => act('It was not withdrawn', () => accountApi.withdrawInvitation(invitation.id))}
              >
                Withdraw
              </button>
            )}
          </Row>
        ))}
      </ul>
      <div class="account-actions">
        <button type="button" class="button" onClick={() => act('Nobody was invited', invite)}>
          Invite somebody
        </button>
      </div>
    </Section>
  )
}
