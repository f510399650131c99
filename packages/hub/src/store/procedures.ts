/** The hub's module of the database: its tables and all its procedures by name. This folder is the only SQL of the hub. */
import * as assets from './assets.ts'
import * as heads from './heads.ts'
import * as identity from './identity.ts'
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

  ensureProject: projects.ensureProject,
  listProjects: projects.listProjects,
  everyProject: projects.everyProject,
  indexTree: projects.indexTree,
  adoptDocument: projects.adoptDocument,
  findDocument: projects.findDocument,
  isDocumentOf: projects.isDocumentOf,
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

  addAsset: assets.addAsset,
  findAsset: assets.findAsset,
}

export type HubProcedures = typeof procedures
