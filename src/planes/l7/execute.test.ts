import { describe, expect, it } from 'vitest';
import { execute } from './execute.ts';
import type { Step } from './step.ts';

/** Answers what HAProxy would, and refuses what begins with `refused`. */
class Engine {
  /** What was sent together. */
  readonly sent: (readonly string[])[] = [];
  readonly #refused: string;

  constructor(refused = 'nothing') {
    this.#refused = refused;
  }

  readonly send = (commands: readonly string[]): Promise<readonly string[]> => {
    this.sent.push(commands.map((command) => command.split('\n', 1)[0] ?? ''));
    return Promise.resolve(commands.map((command) => this.#answer(command)));
  };

  #answer(command: string): string {
    if (command.startsWith(this.#refused)) return 'No.\nNever.';
    if (command.startsWith('prepare map')) return 'New version created: 7';
    if (command.startsWith('add backend')) return 'New backend registered.';
    if (command.startsWith('publish')) return 'Backend published.';
    if (command.startsWith('unpublish')) return 'Backend unpublished.';
    return '';
  }
}

const map = 'regexes.map';
const steps: readonly Step[] = [
  { kind: 'add-backend', name: 'new', class: 'plain' },
  { kind: 'publish-backend', name: 'new' },
  { kind: 'prepare-map', map },
  { kind: 'fill-map', map, lines: ['^a(?:/x) new|-||'] },
  { kind: 'commit-map', map },
  { kind: 'set-route', map: 'routes.map', key: 'a.test/', value: 'new|R||' },
  { kind: 'unpublish-backend', name: 'old' },
];

describe('execute', () => {
  it('sends steps in their order, and what leads to a thing only once that is confirmed', async () => {
    const engine = new Engine();
    await execute(steps, engine.send);
    expect(engine.sent).toEqual([
      ['add backend new from sluice-backend', 'publish backend new'],
      ['prepare map regexes.map'],
      ['add map @7 regexes.map <<', 'commit map @7 regexes.map', 'set map routes.map a.test/ new|R||'],
      ['unpublish backend old'],
    ]);
  });

  it.each([
    ['add backend', 1],
    ['prepare map', 2],
    ['commit map', 3],
    ['unpublish', 4],
  ])('sends nothing of the next part after %j is refused', async (refused, batches) => {
    const engine = new Engine(refused);
    await expect(execute(steps, engine.send)).rejects.toMatchObject({
      code: 'haproxy-refused',
      message: expect.stringMatching(/^HAProxy refused "[^"\n]*": No\.$/) as string,
    });
    expect(engine.sent).toHaveLength(batches);
  });

  it('sends nothing for nothing', async () => {
    const engine = new Engine();
    await execute([], engine.send);
    expect(engine.sent).toEqual([]);
  });
});
