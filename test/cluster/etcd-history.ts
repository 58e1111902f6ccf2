/**
 * Moves etcd's revision on by one and drops all that was before it, through etcd's JSON gateway.
 *
 * @param url of etcd
 */
export async function dropEtcdHistory(url: string): Promise<void> {
  const key = Buffer.from('/sluice-test/history').toString('base64');
  const revision = revisionOf(await ask(url, 'put', { key, value: key }));
  await ask(url, 'compaction', { revision, physical: true });
}

async function ask(url: string, action: string, body: object): Promise<unknown> {
  const response = await fetch(`${url}/v3/kv/${action}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd refused the ${action}: ${await response.text()}`);
  return response.json();
}

function revisionOf(answer: unknown): string {
  if (typeof answer === 'object' && answer !== null && 'header' in answer) {
    const { header } = answer;
    if (typeof header === 'object' && header !== null && 'revision' in header && typeof header.revision === 'string') {
      return header.revision;
    }
  }
  throw new Error(`etcd answered without a revision: ${JSON.stringify(answer)}`);
}
