import { expect, it } from 'vitest';
import { RequestCounts } from './request-counts.ts';

it('counts by route and status, and by latency in buckets that include those below', () => {
  const counts = new RequestCounts();
  for (const totalMs of [0, 1, 2, 60_000]) counts.count({ route: 'shop/web', status: 200, totalMs });
  counts.count({ route: 'shop/web', status: 503, totalMs: -1 });
  counts.count({ route: '', status: 404, totalMs: 0 });
  const lines = counts.text().split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE sluice_requests_total counter',
      'sluice_requests_total{route="shop/web",status="200"} 4',
      'sluice_requests_total{route="shop/web",status="503"} 1',
      'sluice_requests_total{route="",status="404"} 1',
      '# TYPE sluice_request_duration_seconds histogram',
      'sluice_request_duration_seconds_bucket{le="0.001",route="shop/web"} 2',
      'sluice_request_duration_seconds_bucket{le="0.0025",route="shop/web"} 3',
      'sluice_request_duration_seconds_bucket{le="10",route="shop/web"} 3',
      'sluice_request_duration_seconds_bucket{le="+Inf",route="shop/web"} 4',
      'sluice_request_duration_seconds_sum{route="shop/web"} 60.003',
      'sluice_request_duration_seconds_count{route="shop/web"} 4',
    ]),
  );
});
