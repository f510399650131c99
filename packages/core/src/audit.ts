/** What the audit log tells of, by name. A name once used is never given another meaning. */
export const auditActions = [
  'sign-in',
  'sign-in-failed',
  'sign-out',
  'token-made',
  'token-revoked',
  'run-ticket-made',
  'device-added',
  'device-renamed',
  'device-set',
  'device-revoked',
  'member-invited',
  'invitation-withdrawn',
  'member-added',
  'member-changed',
  'member-removed',
  'member-left',
  'run-by-member',
  'document-renewed',
  'backup-restored',
] as const
export type AuditAction = (typeof auditActions)[number]
