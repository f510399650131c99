/** Palette, list of shortcuts and questions, when they are open; and what listens to the whole page once it has been fetched. */
import { useEffect } from 'preact/hooks'
import { paletteOpen, shortcutsOpen } from '../state/commands.ts'
import { question } from './ask.ts'
import { later, withLater } from './later-when-needed.ts'
import { whenIdle } from './when-idle.ts'

export function LaterParts() {
  const part = later.part.value
  const asked = question.value
  const isAsked = paletteOpen.value || shortcutsOpen.value || asked !== undefined
  useEffect(() => void whenIdle(() => void later.load().catch(() => undefined)), [])
  useEffect(() => part?.keepAppCommands(), [part])
  useEffect(() => part?.keepFileDrops(), [part])
  useEffect(() => {
    if (isAsked) withLater(() => undefined)
  }, [isAsked])
  if (!part) return null
  return (
    <>
      {paletteOpen.value && <part.OpenPalette />}
      {shortcutsOpen.value && <part.OpenShortcuts />}
      {asked && <part.QuestionDialog key={asked.title} asked={asked} />}
    </>
  )
}
