import { describe, expect, it } from 'vitest';
import { ip } from '../../../test/l4/snapshot-steps.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { eligibilityText, renderConfiguration } from './configuration.ts';

const router = {
  name: 'r101-eth0',
  interface: 'eth0',
  carrier: 4,
  id: 101,
  priority: 254,
  takesBack: false,
  addresses: ['192.0.2.10', '2001:db8::10'].map(ip),
  isEligible: true,
} as const;
const settings = { folder: '/var/lib/sluice/announce', nodeName: 'a', advertisementMs: 50 };

function render(rest: Partial<Omit<typeof router, 'takesBack'>> & { readonly takesBack?: boolean } = {}): string {
  const made = { ...router, ...rest };
  return renderConfiguration({ routers: PersistentMap.from([[made.name, made]]), isNodeEligible: true }, settings);
}

/** The lines between the braces of a block, without what is around them. */
function block(text: string, name: string): readonly string[] {
  const body = new RegExp(`^    ${name} \\{\n([^}]*)\\}`, 'm').exec(text)?.[1] ?? '';
  return body.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}

describe('the configuration of keepalived', () => {
  it('advertises one constant address, and no address of a Service', () => {
    const text = render();
    expect(block(text, 'virtual_ipaddress')).toEqual(['169.254.77.101/32 dev eth0 scope host noprefixroute']);
    expect(block(text, 'virtual_ipaddress_excluded')).toEqual([
      '192.0.2.10/32 dev eth0 noprefixroute',
      '2001:db8::10/128 dev eth0 noprefixroute preferred_lft 0',
    ]);
    expect(block(render({ addresses: [ip('192.0.2.99')] }), 'virtual_ipaddress')).toEqual(
      block(text, 'virtual_ipaddress'),
    );
  });

  it('leaves the real-time priority and duplicate address detection alone, misses a node after 150 ms, and a missing interface ends nothing', () => {
    const text = render();
    expect(text).not.toMatch(/rt_priority|rlimit_rttime|nodad/);
    expect(text).toContain('    advert_int 0.05\n');
    expect(text).toContain('    dynamic_interfaces\n');
    expect(text).toContain('    reload_check_config ');
  });

  it('takes nothing back from a node that has it, but where this one is preferred, after a minute', () => {
    expect(render()).toContain('    nopreempt\n');
    const preferred = render({ takesBack: true });
    expect(preferred).toContain('    preempt_delay 60\n');
    expect(preferred).not.toContain('nopreempt');
  });

  it('does not change with eligibility, which stands in files', () => {
    expect(eligibilityText(false)).toBe('-254\n');
    const text = render();
    const ineligible = { ...router, isEligible: false };
    const plan = { routers: PersistentMap.from([[router.name, ineligible]]), isNodeEligible: false };
    expect(renderConfiguration(plan, settings)).toBe(text);
  });
});
