/** What failed is said above the tabs: why, and the next step. */
import { asApiError } from '../api/api-error.ts'
import { tell } from './said.ts'

export function say(thrown: unknown, title: string): void {
  const { message, detail, hint } = asApiError(thrown)
  tell(title, [detail || message, hint].filter(Boolean).join(' '))
}
