/** What of the window's frame is seen only when it is asked for: one chunk, fetched when nothing else is to be done. */
export { chooseFiles, exportAs, keepFileDrops } from '../formats/format-actions.ts'
export { RunOnChoices } from '../notebook/run-on.tsx'
export { AccountPanel } from './account-panel.tsx'
export { keepAppCommands } from './app-commands.ts'
export { EvictedBanner } from './evicted-banner.tsx'
export { OpenPalette } from './palette.tsx'
export { QuestionDialog } from './question-dialog.tsx'
export { OpenShortcuts } from './shortcuts-dialog.tsx'
