/** The short form of `make drill`: what happens to a node, once each. How long it takes is measured there. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DrillLab } from '../drill/drill-lab.ts';
import { EVENTS, HEALED, tryOut } from '../drill/events.ts';

const NODE = 'node-a';

let lab: DrillLab;

beforeAll(async () => {
  lab = await DrillLab.create(3);
});

afterAll(async () => {
  await lab.remove();
});

test.each(EVENTS)('the addresses of a node are answered for by another one: $name', async (event) => {
  const { failed, movedMs, singleMs, lastNode } = await tryOut(lab, event, NODE);
  if (event.name === HEALED) {
    expect(singleMs).toBeLessThan(Infinity);
    return;
  }
  expect(movedMs).toBeLessThan(Infinity);
  expect(lastNode).toMatch(/^node-[bc]$/);
  if (event.isPlanned) expect(failed).toBe(0);
});
