import { describe, expect, it } from 'vitest';
import { FieldLines } from './field-lines.ts';

const TEXT = `# a comment
kind: Ingress
metadata:
  annotations:
    "example.com/a.b": x
spec:
  rules:
    - host: a.test
      http:
        paths:
          -
            path: /
          - { path: /x,
              backend: { service: {} } }
    - host: b.test
---
kind: List
items:
  - kind: Service
  - kind: Service
    spec:
      ports: [{ port: 1 },
        { port: 2 }]
---
shared: &shared
  port: 1
spec: *shared
---
{ "kind": "Service" }
{ "kind": "Service",
  "spec": { "ports": [
    { "port": 1 } ] } }
`;

describe('FieldLines', () => {
  const lines = new FieldLines(TEXT);

  it.each([
    ['the whole document', 0, undefined, '', 2],
    ['a member', 0, undefined, 'spec.rules', 7],
    ['a member whose name has dots', 0, undefined, 'metadata.annotations["example.com/a.b"]', 5],
    ['an item', 0, undefined, 'spec.rules[1]', 15],
    ['an item that starts below its dash', 0, undefined, 'spec.rules[0].http.paths[0]', 12],
    ['a member in flow style', 0, undefined, 'spec.rules[0].http.paths[1].backend.service', 14],
    ['a member that is absent', 0, undefined, 'spec.rules[0].http.paths[1].pathType', 13],
    ['a whole branch that is absent', 0, undefined, 'status.loadBalancer.ingress[0].ip', 2],
    ['an item beyond the end', 0, undefined, 'spec.rules[7].host', 7],
    ['an item of a List', 1, 1, '', 20],
    ['a field of an item of a List', 1, 1, 'spec.ports[1].port', 23],
    ['what stands behind an alias', 2, undefined, 'spec.port', 27],
    ['a field of a JSON value after another', 4, undefined, 'spec.ports[0].port', 32],
    ['a document that is not there', 9, undefined, 'spec', 1],
  ])('finds %s', (_, document, item, field, line) => {
    expect(lines.lineOf(document, item, field)).toBe(line);
  });
});
