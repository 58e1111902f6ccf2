import { expect, it } from 'vitest';
import { explainCommand } from './explain.ts';

it.each([
  ['fd00::1', '10.96.0.10:80'],
  ['10.244.1.5', '[fd00:10:96::a]:443'],
])('asks nobody about a packet from %s to %s', async (client, destination) => {
  await expect(explainCommand().parseAsync([client, destination], { from: 'user' })).rejects.toThrow(
    'are of different families: no packet goes between them',
  );
});
