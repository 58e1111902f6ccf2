import type { IpAddress } from '../../model/grammar.ts';
import {
  ALLOCATED_FROM,
  VIRTUAL_ROUTERS,
  type AddressRequest,
  type LoadBalancerWish,
  type RecordedRouter,
} from '../../model/service.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import { shown, type Field } from './field.ts';
import { admitLabels } from './labels.ts';

/** Annotations of MetalLB, by their present prefix and by the one that they had before 0.10. */
const PREFIXES = ['metallb.io/', 'metallb.universe.tf/'] as const;

/** What a Service of type LoadBalancer asks for: `spec.loadBalancerClass`, `spec.loadBalancerIP`, and MetalLB's annotations. */
export function admitLoadBalancer(raw: Field): LoadBalancerWish {
  const spec = raw.at('spec');
  return {
    className: spec.at('loadBalancerClass').text(),
    request: admitRequest(spec.at('loadBalancerIP'), annotation(raw, 'loadBalancerIPs')),
    pool: annotation(raw, 'address-pool').text(),
    sharingKey: annotation(raw, 'allow-shared-ip').text(),
    labels: admitLabels(raw),
    allocatedFrom: raw.at('metadata').at('annotations').at(ALLOCATED_FROM).text(),
    virtualRouters: recordedRouters(raw.at('metadata').at('annotations').at(VIRTUAL_ROUTERS).text() ?? ''),
    selector: selectorText(spec.at('selector').texts()),
  };
}

/** The annotation under the first prefix that has it; the new one wins. */
function annotation(raw: Field, name: string): Field {
  const annotations = raw.at('metadata').at('annotations');
  const [present, former] = PREFIXES.map((prefix) => annotations.at(`${prefix}${name}`));
  if (present !== undefined && !present.isAbsent) return present;
  return former ?? annotations.at(name);
}

function admitRequest(field: Field, annotated: Field): AddressRequest {
  const single = field.text() ?? '';
  const listed = annotated.text() ?? '';
  if (single !== '' && listed !== '') {
    annotated.add('AddressRequestInvalid', 'spec.loadBalancerIP asks for an address as well', 'Remove one of the two.');
    return { kind: 'unusable' };
  }
  if (single === '' && listed === '') return { kind: 'any' };
  const asked = single === '' ? annotated : field;
  const addresses: IpAddress[] = [];
  for (const item of `${single}${listed}`.split(',')) {
    const address = ipAddressOf(item.trim());
    if (address === undefined) {
      asked.add('AddressInvalid', `${shown(item.trim())} is not an IP address`);
      return { kind: 'unusable' };
    }
    addresses.push(address);
  }
  return { kind: 'addresses', addresses, field: asked.path };
}

/** No Findings: whoever gives the addresses wrote it, and writes it again where it is not as it should be. */
function recordedRouters(text: string): readonly RecordedRouter[] {
  return text.split(',').flatMap((entry) => {
    const [address = '', digits = ''] = entry.split('=');
    const ip = ipAddressOf(address);
    const id = /^\d{1,3}$/.test(digits) ? Number(digits) : 0;
    return ip === undefined || id < 1 || id > 255 ? [] : [{ address: ip, id }];
  });
}

function selectorText(selector: ReadonlyMap<string, string>): string {
  return [...selector]
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}
