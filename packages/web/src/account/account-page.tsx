/** The person's own page: what they sign in with, how they are told, where they are signed in, whom they invited. */
import type {
  BrowserSessionInfo,
  IdentityInfo,
  InvitationInfo,
  PasskeyInfo,
  SignInWays,
} from '@meshbook/core/account-api.ts'
import { useEffect, useState } from 'preact/hooks'
import { accountApi } from '../api/account.ts'
import { AtTheHub } from '../shell/at-the-hub.tsx'
import { PageHeader } from '../shell/page-header.tsx'
import { me } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import type { Act } from './account-section.tsx'
import { Identities } from './identities-section.tsx'
import { Invitations } from './invitations-section.tsx'
import { Notifications } from './notifications-section.tsx'
import { NotAnswered, passkeySupport } from './passkey-calls.ts'
import { Passkeys } from './passkeys-section.tsx'
import { Sessions } from './sessions-section.tsx'
import '../styles/pages.css'

interface Account {
  ways: SignInWays
  identities: IdentityInfo[]
  passkeys: PasskeyInfo[]
  sessions: BrowserSessionInfo[]
  invitations: InvitationInfo[]
  canMakePasskeys: boolean
}

async function loadAccount(): Promise<Account> {
  const [ways, identities, passkeys, sessions, invitations, support] = await Promise.all([
    accountApi.ways(),
    accountApi.identities(),
    accountApi.passkeys(),
    accountApi.browserSessions(),
    accountApi.invitations(),
    passkeySupport(),
  ])
  return { ways, identities, passkeys, sessions, invitations, canMakePasskeys: ways.passkeys.here && support.here }
}

export function AccountPage() {
  return me.value?.machine ? (
    <>
      <PageHeader title="Account" />
      <main id="main" class="page" tabIndex={-1}>
        <h2 class="greeting">{me.value.user}</h2>
        <AtTheHub what="Identities, passkeys, browsers and invitations are looked after" path="/account" />
      </main>
    </>
  ) : (
    <AccountAtHub />
  )
}

function AccountAtHub() {
  const [account, setAccount] = useState<Account | undefined>(undefined)
  const load = (): void =>
    void loadAccount()
      .then(setAccount)
      .catch(thrown => report(thrown, 'Your account could not be loaded'))
  useEffect(load, [])
  const act: Act = (title, work) => {
    work()
      .then(load)
      .catch((thrown: unknown) => {
        if (!(thrown instanceof NotAnswered)) report(thrown, title)
      })
  }
  return (
    <>
      <PageHeader title="Account" />
      <main id="main" class="page" tabIndex={-1}>
        <h2 class="greeting">{me.value?.user}</h2>
        {account && (
          <>
            <Identities ways={account.ways} identities={account.identities} act={act} />
            <Passkeys ways={account.ways} passkeys={account.passkeys} canMake={account.canMakePasskeys} act={act} />
            <Notifications />
            <Sessions sessions={account.sessions} act={act} />
            <Invitations invitations={account.invitations} act={act} reload={load} />
          </>
        )}
      </main>
    </>
  )
}
