/** The hub's module of the database: its tables and all its procedures by name. This folder is the only SQL of the hub. */
import * as restore from './after-restore.ts'
import * as references from './asset-references.ts'
import * as assets from './assets.ts'
import * as grants from './device-grants.ts'
import * as deviceTokens from './device-tokens.ts'
import * as heads from './heads.ts'
import * as identity from './identity.ts'
import * as ownerKeys from './owner-keys.ts'
import * as pairings from './pairings.ts'
import * as projects from './projects.ts'
import * as log from './run-log.ts'
import * as queue from './run-queue.ts'
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
  revokeDevice: identity.revokeDevice,
  describeDevice: identity.describeDevice,
  sawDevice: identity.sawDevice,

  turnToken: deviceTokens.turnToken,
  ownerKeysFor: ownerKeys.ownerKeysFor,
  putOwnerKey: ownerKeys.putOwnerKey,
  setSealKey: ownerKeys.setSealKey,
  newPairing: pairings.newPairing,
  claimPairing: pairings.claimPairing,
  findPairing: pairings.findPairing,
  findClaim: pairings.findClaim,
  confirmPairing: pairings.confirmPairing,
  cancelPairing: pairings.cancelPairing,
  takePairedSession: pairings.takePairedSession,
  newGrant: grants.newGrant,
  findGrant: grants.findGrant,
  decideGrant: grants.decideGrant,
  pollGrant: grants.pollGrant,
  takeRedirect: grants.takeRedirect,
  admitGrant: grants.admitGrant,

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
  expiredRuns: queue.expiredRuns,
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
