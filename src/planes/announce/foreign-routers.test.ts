import { expect, it } from 'vitest';
import { ForeignRouters } from './foreign-routers.ts';

it('throws where nft ends before it has read its rules, as without the right to change any', async () => {
  const routers = new ForeignRouters(['false']);
  // Whether the pipe is closed before all is written is chance; an error of it that nobody takes fails this run.
  for (let time = 0; time < 40; time += 1) await expect(routers.listen(new Set())).rejects.toThrow('nft: ');
});
