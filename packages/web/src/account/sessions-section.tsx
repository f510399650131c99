/** The browsers in which the person is signed in, and ending that. */
import type { BrowserSessionInfo } from '@meshbook/core/account-api.ts'
import { accountApi } from '../api/account.ts'
import { ago } from '../notebook/duration.ts'
import { confirmed } from '../shell/ask.ts'
import { type Act, Row, Section } from './account-section.tsx'

export function Sessions({ sessions, act }: { sessions: BrowserSessionInfo[]; act: Act }) {
  const everywhere = async (): Promise<void> => {
    const text = 'All browsers are signed out at once, this one too. Your devices and API tokens stay.'
    if (!(await confirmed({ title: 'Sign out everywhere?', text, action: 'Sign out everywhere', danger: true }))) return
    await accountApi.endBrowserSessions('all')
    location.assign('/signin')
  }
  return (
    <Section id="sessions" title="Browsers" text="Where you are signed in now.">
      <ul class="account-list">
        {sessions.map(({ id, browser, createdAt, current }) => (
          <Row
            key={id}
            icon="laptop"
            title={browser}
            mark={current && 'this browser'}
            note={`signed in ${ago(createdAt, Date.now())}`}
          >
            {!current && (
              <button
                type="button"
                class="button"
                aria-label={`Sign out ${browser}`}
                onClick={() => act('It was not signed out', () => accountApi.endBrowserSession(id))}
              >
                Sign out
              </button>
            )}
          </Row>
        ))}
      </ul>
      <div class="account-actions">
        {sessions.length > 1 && (
          <button
            type="button"
            class="button"
            onClick={() => act('They were not signed out', () => accountApi.endBrowserSessions('others'))}
          >
            Sign out all others
          </button>
        )}
        <button type="button" class="button danger" onClick={() => act('Not everything was signed out', everywhere)}>
          Sign out everywhere
        </button>
      </div>
    </Section>
  )
}
