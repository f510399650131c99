/** Who is signed in here, and signing out. */
import { api } from '../../api/client.ts'
import { confirmed } from '../../shell/ask.ts'
import { me } from '../../state/known.ts'
import { hub } from '../first-list.ts'
import { forgetWhatWasShown } from '../kept.ts'
import { say } from '../say.ts'
import { Icon } from '../shell/icons.tsx'

export function AccountSection() {
  const who = me.value
  return (
    <section>
      <h2>Account</h2>
      <div class="rows">
        <p class="row">
          <span class="words">
            <span class="name">{who?.user ?? 'Not known while the hub is away'}</span>
            {who && (
              <span class="about">
                on {who.machine?.name ?? who.hub.name} · Meshbook {who.hub.version}
              </span>
            )}
          </span>
        </p>
        {who && !who.machine && (
          <a class="row" href="/account">
            <span class="words">
              <span class="name">Passkeys, browsers, invitations</span>
              <span class="about">on the large page</span>
            </span>
            <Icon name="chevron" size={18} />
          </a>
        )}
      </div>
      {who && !who.machine && (
        <button type="button" class="button wide" disabled={hub.value === 'down'} onClick={() => void signOut()}>
          Sign out
        </button>
      )}
    </section>
  )
}

async function signOut(): Promise<void> {
  const text = 'This phone gets no more messages, and nothing new, until somebody signs in again.'
  if (!(await confirmed({ title: 'Sign out?', text, action: 'Sign out' }))) return
  try {
    await api.signOut()
    await forgetWhatWasShown()
    location.assign('/m/')
  } catch (thrown) {
    say(thrown, 'You are still signed in')
  }
}
