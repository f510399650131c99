/** The hub's module of the database: its tables and all its procedures by name. This folder is the only SQL of the hub. */
import * as restore from './after-restore.ts'
import * as references from './asset-references.ts'
import * as assets from './assets.ts'
import * as policies from './device-policies.ts'
import * as gates from './gates.ts'
import * as heads from './heads.ts'
import * as identity from './identity.ts'
import * as lost from './lost-runs.ts'
import * as projects from './projects.ts'
import * as repeat from './repeat-run.ts'
import * as asks from './run-asks.ts'
import * as log from './run-log.ts'
import * as queue from './run-queue.ts'
import * as retention from './run-retention.ts'
import * as rows from './run-rows.ts'

export { schema } from './schema.ts'

export const procedures = {
  firstUser: identity.firstUser,
  addLink: identity.addLink,
  useLink: identity.useLink,
  findBrowserSession: identity.findBrowserSession,
  endBrowserSession: identity.endBrowserSession,
  addToken: identity.addToken,
  replaceToken: identity.replaceToken,
  findToken: identity.findToken,
  listTokens: identity.listTokens,
  deleteToken: identity.deleteToken,
  addTicket: identity.addTicket,
  useTicket: identity.useTicket,
  addDevice: identity.addDevice,
  findDevice: identity.findDevice,
  listDevices: identity.listDevices,
  renameDevice: identity.renameDevice,
  changePolicy: policies.changePolicy,
  revokeDevice: identity.revokeDevice,
  describeDevice: identity.describeDevice,
  sawDevice: identity.sawDevice,

  ensureProject: projects.ensureProject,
  listProjects: projects.listProjects,
  everyProject: projects.everyProject,
  indexTree: projects.indexTree,
  adoptDocument: projects.adoptDocument,
  findDocument: projects.findDocument,
  findDocumentEver: projects.findDocumentEver,
  findDocumentAt: projects.findDocumentAt,
  listDocuments: projects.listDocuments,
  touchDocuments: projects.touchDocuments,

  createRun: queue.createRun,
  nextPlacement: queue.nextPlacement,
  sessionsWithQueue: queue.sessionsWithQueue,
  leaseRun: queue.leaseRun,
  setReasons: queue.setReasons,
  leaseOfHolder: queue.leaseOfHolder,
  repeatRun: repeat.repeatRun,
  expiredRuns: asks.expiredRuns,
  unansweredRuns: asks.unansweredRuns,
  setAside: asks.setAside,
  confirmRun: asks.confirmRun,
  lostRuns: lost.lostRuns,
  interruptLostRun: lost.interruptLostRun,
  noteAfterwards: lost.noteAfterwards,
  oldLogs: retention.oldLogs,
  excessLogs: retention.excessLogs,
  expireLog: retention.expireLog,
  oldRecords: retention.oldRecords,
  dropRecord: retention.dropRecord,
  findGate: gates.findGate,
  listGates: gates.listGates,
  decideGate: gates.decideGate,
  overdueGates: gates.overdueGates,
  expireGate: gates.expireGate,
  unreceivedGates: gates.unreceivedGates,
  appendEvents: log.appendEvents,
  endRun: log.endRun,
  cancelRun: log.cancelRun,
  waitingInput: log.waitingInput,
  readEvents: log.readEvents,
  showRun: rows.showRun,
  listRuns: rows.listRuns,

  giveBackHeads: heads.giveBackHeads,
  renewHeads: heads.renewHeads,
  runtimeUp: heads.runtimeUp,
  runtimeDown: heads.runtimeDown,
  reconcileDevice: heads.reconcileDevice,
  listSessions: heads.listSessions,
  findSession: heads.findSession,
  restartSession: heads.restartSession,

  settleRestore: restore.settleRestore,

  findAsset: assets.findAsset,
  claimAsset: assets.claimAsset,
  beginUpload: assets.beginUpload,
  findUpload: assets.findUpload,
  saveUpload: assets.saveUpload,
  finishUpload: assets.finishUpload,
  dropUpload: assets.dropUpload,
  listAssetUploads: assets.listUploads,
  listRemovals: assets.listRemovals,
  removed: assets.removed,
  listOrgs: references.listOrgs,
  addReferences: references.addReferences,
  unreadDocuments: references.unreadDocuments,
  recordDocument: references.recordDocument,
  readOldRuns: references.readOldRuns,
  recordOldRuns: references.recordOldRuns,
  markAssets: references.markAssets,
  sweepAssets: references.sweepAssets,
}

export type HubProcedures = typeof procedures
