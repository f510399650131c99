/** Deciding a gate: about the text that was shown and its digest, once, and only with an answer of the hub (S18). */
import type { Gate, GateAnswer } from '@meshbook/core/api.ts'
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'
import { me } from '../state/known.ts'
import { rememberGate } from './gate-store.ts'

/** Events carry no text, so it is asked for. Without it nothing can be decided, which the page says. */
export function useWholeGate(gate: Gate): void {
  useEffect(() => {
    if (gate.shown === undefined) api.gate(gate.id).then(rememberGate, () => undefined)
  }, [gate.id])
}

export const mayDecide = ({ deciders }: Pick<Gate, 'deciders'>): boolean =>
  deciders === null || deciders.includes(me.value?.user ?? '')

export interface Decision {
  busy: boolean
  problem: string
  decide(decision: GateAnswer['decision'], comment: string, said?: GateSaid): Promise<void>
}

/** What a gate of a workflow asks for beside yes and no. */
export type GateSaid = Pick<GateAnswer, 'choice' | 'form'>
export const asksForMore = ({ choices, form }: Pick<Gate, 'choices' | 'form'>): boolean =>
  choices !== null || form !== null

export function useDecision(gate: Gate): Decision {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const decide = async (decision: GateAnswer['decision'], comment: string, said: GateSaid = {}) => {
    setBusy(true)
    setProblem('')
    try {
      if (!(await isOfDigest(gate)))
        return setProblem('What is shown is not what would be decided. Load the page again.')
      const { digest, nonce } = gate
      const answer = { decision, digest, nonce, ...(comment === '' ? {} : { comment }), ...said }
      rememberGate(await api.decideGate(gate.id, answer))
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([`${message}.`, detail, hint].filter(Boolean).join(' '))
      api.gate(gate.id).then(rememberGate, () => undefined)
    } finally {
      setBusy(false)
    }
  }
  return { busy, problem, decide }
}

/** Browsers compute digests on secure pages alone; the hub and the device check it in any case. */
async function isOfDigest({ shown, digest }: Gate): Promise<boolean> {
  const subtle: SubtleCrypto | undefined = crypto.subtle
  if (!subtle || typeof shown !== 'string') return true
  const found = new Uint8Array(await subtle.digest('SHA-256', new TextEncoder().encode(shown)))
  return [...found].map(byte => byte.toString(16).padStart(2, '0')).join('') === digest
}
