import { Command, Option } from 'commander';
import { resolve } from 'node:path';
import { loadForCheck, type CheckReport } from '../app/check.ts';
import type { Finding } from '../model/finding.ts';
import { nameOf } from '../model/object.ts';

const EXAMPLES = `Examples:
  sluice check ./manifests
  sluice check ./manifests -o json

`;

/** Exit status when there are Findings. */
const EXIT_FINDINGS = 3;

/** `sluice check`: what is wrong with the objects of a folder, without serving them. */
export function checkCommand(): Command {
  return new Command('check')
    .description(
      'Say what is wrong with the objects of a folder, without serving them. Exit status 3 when something is.',
    )
    .addHelpText('before', EXAMPLES)
    .argument('<dir>', 'folder of manifests')
    .option('--ingress-class <name>', 'class that is served in any case')
    .addOption(new Option('-o, --output <format>').choices(['text', 'json']).default('text'))
    .action(async (directory: string, flags: { readonly ingressClass?: string; readonly output: 'text' | 'json' }) => {
      const report = await loadForCheck(resolve(directory), flags.ingressClass);
      process.stdout.write(
        flags.output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : formatReport(report),
      );
      if (report.findings.length > 0) process.exitCode = EXIT_FINDINGS;
    });
}

function formatReport({ findings, objects, routes }: CheckReport): string {
  const lines = findings.map(({ finding, place }) => formatFinding(finding, place));
  const problems = findings.length === 0 ? 'nothing wrong' : `${String(findings.length)} found wrong`;
  return `${lines.join('')}${String(objects)} objects, ${String(routes)} routes: ${problems}\n`;
}

function formatFinding(finding: Finding, place: string): string {
  const field = finding.field === '' ? '' : ` ${finding.field}`;
  return `${place}: ${finding.severity} ${finding.code} ${nameOf(finding.object)}${field}: ${finding.message}\n    ${finding.remedy}\n`;
}
