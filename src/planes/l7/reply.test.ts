import { describe, expect, it } from 'vitest';
import { isSuccess } from './reply.ts';

describe('isSuccess', () => {
  it.each([
    '',
    'New server registered.',
    'New backend registered.',
    'Backend published.',
    'Backend unpublished.',
    'Server deleted.',
    'Backend deleted.',
    "New empty certificate store 'certs/a_b.pem'!",
    'Transaction created for certificate certs/a_b.pem!',
    'Transaction updated for certificate certs/a_b.pem!',
    'Committing certs/a_b.pem.\nSuccess!',
    'Committing certs/a_b.pem....\nSuccess!',
    "Inserting certificate 'certs/a_b.pem' in crt-list 'crt-list.txt'.\nSuccess!",
    "Entry 'certs/a_b.pem' deleted in crtlist 'crt-list.txt'!",
    "Certificate 'certs/a_b.pem' deleted!",
  ])('%j is', (reply) => {
    expect(isSuccess(reply)).toBe(true);
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
  ])('%j is not', (reply) => {
    expect(isSuccess(reply)).toBe(false);
  });
});
