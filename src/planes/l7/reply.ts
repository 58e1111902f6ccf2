/** Answers of the runtime CLI that mean success; everything else means that the process is not as we think. */
const SUCCESS: readonly RegExp[] = [
  /^$/,
  /^New (?:server|backend) registered\.$/,
  /^Backend (?:un)?published\.$/,
  /^(?:Server|Backend) deleted\.$/,
  /^New empty certificate store '[^']*'!$/,
  /^Transaction (?:created|updated) for certificate [^\n]*!$/,
  /^Committing [^\n]*\.*\n?Success!$/,
  /^Inserting certificate [^\n]*\.*\n?Success!$/,
  /^Entry [^\n]* deleted in crtlist [^\n]*!$/,
  /^Certificate [^\n]* deleted!$/,
];

/** Whether the answer to a command that changes something says that it has. */
export function isSuccess(reply: string): boolean {
  return SUCCESS.some((pattern) => pattern.test(reply));
}
