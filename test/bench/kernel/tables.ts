import { formatDuration, percentile, type Row } from '../report.ts';
import type { Agent, Measured } from './measured.ts';

export const LOAD_HEADINGS: Row = [
  'Services × 10 endpoints',
  'Sluice: compile',
  'Sluice: plan to kernel',
  'Sluice: start to ready',
  'kube-proxy: start to first sync',
];

export function loadRow({ services, programming, sluice, kubeProxy }: Measured): Row {
  return [
    services.toLocaleString('en'),
    formatDuration(programming.compileMs),
    formatDuration(percentile(programming.loadMs, 0.5)),
    formatDuration(sluice.startMs),
    kubeProxy === undefined ? LEFT_OUT : formatDuration(kubeProxy.startMs),
  ];
}

export const CHANGE_HEADINGS: Row = [
  'Services × 10 endpoints',
  'Sluice: Store to kernel, p50 / p99',
  'Sluice: watch event to kernel, p50 / p99',
  'kube-proxy, minSyncPeriod 1ns: watch event to kernel',
  'kube-proxy, as it comes (1 s)',
];

export function changeRow({ services, programming, sluice, kubeProxy, eagerKubeProxy }: Measured): Row {
  return [
    services.toLocaleString('en'),
    percentiles(programming.changeMs),
    percentiles(sluice.changeMs),
    eagerKubeProxy === undefined ? LEFT_OUT : percentiles(eagerKubeProxy.changeMs),
    kubeProxy === undefined ? LEFT_OUT : percentiles(kubeProxy.changeMs),
  ];
}

export const USAGE_HEADINGS: Row = [
  'program',
  'CPU idle',
  'CPU, 100 changes/s',
  'memory idle',
  'memory, 100 changes/s',
];

export function usageRow({ name, usage }: Agent): Row {
  if (usage === undefined) return [name];
  const { idle, busy } = usage;
  return [
    name,
    `${idle.cpuPercent.toFixed(1)} %`,
    `${busy.cpuPercent.toFixed(1)} %`,
    `${String(Math.round(idle.residentMegabytes))} MB`,
    `${String(Math.round(busy.residentMegabytes))} MB`,
  ];
}

const LEFT_OUT = 'left out';

/** With the number of samples where they are few. */
function percentiles(samples: readonly number[]): string {
  const both = `${formatDuration(percentile(samples, 0.5))} / ${formatDuration(percentile(samples, 0.99))}`;
  return samples.length < 100 ? `${both} (of ${String(samples.length)})` : both;
}
