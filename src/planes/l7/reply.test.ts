import { describe, expect, it } from 'vitest';
import { outcomeOf } from './reply.ts';
import type { Step } from './step.ts';

const file = 'certs/a_b.pem';
const target = 'a/192.0.2.1:80';
const map = 'regexes.map';

const DONE: readonly (readonly [Step, string])[] = [
  [{ kind: 'add-server', target, address: '192.0.2.1:80', weight: '1', words: '' }, 'New server registered.'],
  [{ kind: 'enable-server', target }, ''],
  [{ kind: 'disable-server', target }, ''],
  [{ kind: 'weigh-server', target, weight: '0' }, ''],
  [{ kind: 'delete-server', target }, 'Server deleted.'],
  [{ kind: 'add-backend', name: 'a', class: 'plain' }, 'New backend registered.'],
  [{ kind: 'publish-backend', name: 'a' }, 'Backend published.'],
  [{ kind: 'unpublish-backend', name: 'a' }, 'Backend unpublished.'],
  [{ kind: 'delete-backend', name: 'a' }, 'Backend deleted.'],
  [
    { kind: 'delete-backend', name: 'a' },
    "Server a/x is going DOWN for maintenance.\nbackend 'a' has no server available!\nServer deleted.\nBackend deleted.",
  ],
  [{ kind: 'add-routes', map: 'routes.map', lines: ['a.test/ a|-||'] }, ''],
  [{ kind: 'set-route', map: 'routes.map', key: 'a.test/', value: 'a|-||' }, ''],
  [{ kind: 'delete-route', map: 'routes.map', key: 'a.test/' }, ''],
  [{ kind: 'add-data', map: 'stages.map', lines: ['0a h'] }, ''],
  [{ kind: 'delete-data', map: 'stages.map', key: '0a' }, ''],
  [{ kind: 'fill-map', map, lines: ['^a\\.test(?:/x) a|-||'] }, ''],
  [{ kind: 'commit-map', map }, ''],
  [{ kind: 'new-certificate', file }, "New empty certificate store 'certs/a_b.pem'!"],
  [{ kind: 'set-certificate', file, pem: [] }, 'Transaction created for certificate certs/a_b.pem!'],
  [{ kind: 'set-certificate', file, pem: [] }, 'Transaction updated for certificate certs/a_b.pem!'],
  [{ kind: 'commit-certificate', file }, 'Committing certs/a_b.pem.\nSuccess!'],
  [{ kind: 'commit-certificate', file }, 'Committing certs/a_b.pem....\nSuccess!'],
  [
    { kind: 'list-certificate', file, line: file },
    "Inserting certificate 'certs/a_b.pem' in crt-list 'crt-list.txt'.\nSuccess!",
  ],
  [{ kind: 'unlist-certificate', file }, "Entry 'certs/a_b.pem' deleted in crtlist 'crt-list.txt'!"],
  [{ kind: 'delete-certificate', file }, "Certificate 'certs/a_b.pem' deleted!"],
];

describe('outcomeOf', () => {
  it.each(DONE)('%j is done with %j', (step, reply) => {
    expect(outcomeOf(step, reply)).toEqual({ kind: 'done' });
  });

  it('takes no answer for that of another step', () => {
    for (const [step] of DONE) {
      const own = new Set(DONE.filter(([{ kind }]) => kind === step.kind).map(([, reply]) => reply));
      for (const [, reply] of DONE)
        expect([step.kind, reply, outcomeOf(step, reply).kind]).toEqual([
          step.kind,
          reply,
          own.has(reply) ? 'done' : 'refused',
        ]);
    }
  });

  it.each([
    'No such backend.',
    'No such server.',
    'Unknown map identifier. Please use #<id> or <file>.',
    'entry not found.',
    'Server still has connections attached to it, cannot remove it.',
    'Backend must be unpublished prior to its removal.',
    'Already exists a server with the same name in backend.',
    "Can't commit certs/a_b.pem!\nInconsistencies between private key and certificate loaded",
    'Committing certs/a_b.pem.\nunable to load SSL certificate into SSL Context',
    'Permission denied',
    'Unknown command: "foo", but maybe one of the following ones is a better match:',
    'New server registered.\nUnknown command: "x"',
    'The map command is not complete. Server deleted.',
  ])('%j is success for no step', (reply) => {
    for (const [step] of DONE) expect(['refused', 'absent']).toContain(outcomeOf(step, reply).kind);
  });

  it('reads the version of a map', () => {
    const step = { kind: 'prepare-map', map } as const;
    expect(outcomeOf(step, 'New version created: 17')).toEqual({ kind: 'prepared', version: '17' });
    expect(outcomeOf(step, '')).toEqual({ kind: 'refused', reason: '' });
  });

  it('knows what is deleted already from what is refused', () => {
    expect(outcomeOf({ kind: 'delete-server', target }, 'No such server.')).toEqual({ kind: 'absent' });
    expect(outcomeOf({ kind: 'delete-backend', name: 'a' }, 'No such backend.')).toEqual({ kind: 'absent' });
    expect(outcomeOf({ kind: 'enable-server', target }, 'No such server.\nmore')).toEqual({
      kind: 'refused',
      reason: 'No such server.',
    });
  });
});
