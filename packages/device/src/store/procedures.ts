/** All procedures of a device by name: the writer thread runs these and the relay's, so this folder is the only SQL of a device. */

import { askGate, decideGate, dropGates } from './asked-gates.ts'
import { deleteAssetFile, listAssetFiles, saveAssetFile } from './asset-files.ts'
import { listUploads, queueUpload, uploaded } from './asset-uploads.ts'
import { deleteAttachment, listAttachments, saveAttachment, treeSynced } from './attachments.ts'
import { beginMove, endMove, findMove, keepCarry, listMoves, noteHubText, pendingMerge } from './epochs.ts'
import { dropRun, holdRun, listHeldRuns, saveRunProgress } from './held-runs.ts'
import {
  forgetLost,
  leaveOut,
  listKnownProjects,
  listLeftOut,
  listLost,
  listMade,
  makeProject,
  saveProjects,
} from './known-projects.ts'
import {
  dropHeadLabel,
  dropLocalRun,
  lastHeard,
  leaseLocalRun,
  listHeadLabels,
  listLocalRuns,
  saveHeadLabel,
  saveLastHeard,
  saveLocalRun,
} from './local-runs.ts'
import { addLoopbackSession, endLoopbackSession, findLoopbackSession } from './loopback-sessions.ts'
import { noteMade, wasMade } from './made-documents.ts'
import { deleteProjection, listProjections, loadProjection, saveProjection, storedPosition } from './projections.ts'
import { dropSaved, keepSaved, listSaved, markSaved, noteSeen, seenOf } from './saved-sessions.ts'

export { schema } from './schema.ts'

export const procedures = {
  saveAttachment,
  treeSynced,
  deleteAttachment,
  listAttachments,
  saveProjection,
  deleteProjection,
  listProjections,
  loadProjection,
  storedPosition,
  noteHubText,
  beginMove,
  keepCarry,
  endMove,
  findMove,
  listMoves,
  pendingMerge,
  holdRun,
  saveRunProgress,
  dropRun,
  listHeldRuns,
  saveLocalRun,
  leaseLocalRun,
  dropLocalRun,
  listLocalRuns,
  saveHeadLabel,
  dropHeadLabel,
  listHeadLabels,
  saveLastHeard,
  lastHeard,
  askGate,
  decideGate,
  dropGates,
  queueUpload,
  uploaded,
  listUploads,
  saveAssetFile,
  deleteAssetFile,
  listAssetFiles,
  addLoopbackSession,
  findLoopbackSession,
  endLoopbackSession,
  saveProjects,
  listKnownProjects,
  leaveOut,
  listLeftOut,
  listLost,
  forgetLost,
  makeProject,
  listMade,
  noteMade,
  wasMade,
  keepSaved,
  markSaved,
  dropSaved,
  listSaved,
  noteSeen,
  seenOf,
}
export type DeviceProcedures = typeof procedures
