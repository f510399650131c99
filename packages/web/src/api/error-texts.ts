/**
 * What an error means and what to do: the hub says it with its answers, and what a page must say by itself is always here.
 * For others that the page only knows by their code, as those of runs, the catalogue is fetched.
 */
import { type ErrorCode, errors } from '@meshbook/core/errors.ts'
import { neededPart } from '../shell/needed-part.ts'
import { ApiError } from './api-error.ts'

const catalogue = neededPart(() => import('virtual:error-texts'))

/** Read inside of a component, it is drawn again once the words are here. */
export function wordsOf(code: ErrorCode): { message: string; hint: string } {
  const known = errors[code]
  if (known.hint !== '') return known
  const [message, hint] = catalogue.part.value?.texts[code] ?? [known.message, known.hint]
  return { message, hint }
}

/** The same, once the catalogue is here or cannot be had. */
export async function loadedWordsOf(code: ErrorCode): Promise<{ message: string; hint: string }> {
  await catalogue.load().catch(() => undefined)
  return wordsOf(code)
}

/** An error that a page finds by itself, with the words of the catalogue, or a better hint. */
export async function errorWithWords(code: ErrorCode, detail?: string, better?: string): Promise<ApiError> {
  const { message, hint } = await loadedWordsOf(code)
  return new ApiError(code, detail, better ?? hint, message)
}

/** When it cannot be had, the general words stay. */
export const loadErrorTexts = (): void => void catalogue.load().catch(() => undefined)
