import type { Option } from 'commander';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { sluiceCommands } from '../src/cli/main.ts';
import { FINDING_CODES } from '../src/model/codes.ts';
import { FAULTS } from '../src/model/faults.ts';
import { REASONS } from '../src/planes/l7/access-log/reasons.ts';
import { renderSkeleton } from '../src/planes/l7/skeleton.ts';
import { configKeysPage } from './config-keys-page.ts';
import { annotationsPage } from './annotations-page.ts';
import { argumentsPage } from './arguments-page.ts';
import { httpApiPage } from './http-api-page.ts';
import { differencesPage } from './oracle/page.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A file of the repository. */
function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

const pages = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

function commandBlocks(page: string): readonly string[] {
  return [...read(page).matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
}

/** The reference page of Findings, from the registry of codes. */
function findingsPage(): string {
  const entries = Object.entries(FINDING_CODES).map(
    ([reason, { code, severity, title, remedy }]) =>
      `## ${code} ${reason}\n\n${title}\n\n**What to do** (${severity}): ${remedy}\n`,
  );
  const intro =
    'What Sluice says about objects that are wrong. The reason stands on Events, the code never changes its meaning.\n';
  return `# Findings\n\n${intro}\n${entries.join('\n')}`;
}

/** The reference page of Faults, from the register of codes. */
function faultsPage(): string {
  const entries = Object.entries(FAULTS).map(
    ([code, { meaning, remedy }]) => `## ${code}\n\n${meaning}\n\n**What to do**: ${remedy}\n`,
  );
  const intro =
    'What the world can say no to: a socket, a process, a disk, an API server. The code stands in the log, and never changes its meaning; the\nmessage beside it says what happened this time. What is wrong with objects is among the [Findings](findings.md).\n';
  return `# Faults\n\n${intro}\n${entries.join('\n')}`;
}

/** The reference page of the command line, from the commands themselves. */
async function flagsPage(): Promise<string> {
  const sections = (await sluiceCommands()).map((command) => {
    const groups = Map.groupBy(command.options, ({ helpGroupHeading }) => helpGroupHeading);
    const tables = [...groups].map(([heading, options]) => `${headingOf(heading)}\n${tableOf(options)}`);
    return `## sluice ${command.name()} ${command.usage().replace('[options]', '').trim()}`
      .trimEnd()
      .concat(`\n\n${command.description()}\n${tables.join('')}`);
  });
  return `# The command line\n\n${FLAGS_INTRO}\n\n${sections.join('\n')}`;
}

const FLAGS_INTRO = `What \`sluice COMMAND --help\` says, in one place.

Every option of \`run\` may be given in the environment instead, as \`SLUICE_\` and its name: \`SLUICE_HTTP_PORT=80\` is
\`--http-port 80\`, \`SLUICE_TAKEOVER=true\` is \`--takeover\`. The same variables hold for the options of the same names of \`check\`
and \`uninstall\`, and \`SLUICE_API_ADDRESS\` for \`get\` and \`explain\`. The command line comes first. An empty variable says nothing, nor
does one such as \`tcp://10.96.0.10:80\`, as kubelet sets them for Services.`;

function headingOf(heading: string | undefined): string {
  return heading === undefined ? '' : `\n### ${heading.replace(/:$/, '')}\n`;
}

function tableOf(options: readonly Option[]): string {
  const rows = options.map(
    ({ flags, description, defaultValueDescription }) =>
      `| \`${flags.replaceAll('|', '\\|')}\` | ${cell(description)} | ${cell(defaultValueDescription ?? '')} |\n`,
  );
  return `| Option | What | Default |\n| --- | --- | --- |\n${rows.join('')}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}

describe('documentation', () => {
  it('has the same command blocks in both languages of the README', () => {
    expect(commandBlocks('README.zh-CN.md')).toEqual(commandBlocks('README.md'));
    expect(commandBlocks('README.md')).toEqual(['make run\n', 'make test\n']);
  });

  it('has as many features in both languages', () => {
    const rows = (page: string): number => read(page).match(/^\|/gm)?.length ?? 0;
    expect(rows('README.zh-CN.md')).toBe(rows('README.md'));
  });

  it.each(pages)('%s links only to what is there', (page) => {
    const text = read(page);
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '');
    const missing = targets.filter((target) => !existsSync(join(ROOT, dirname(page), target)));
    expect(missing).toEqual([]);
  });

  it('says in both READMEs how many annotations of ingress-nginx have their effect', () => {
    const section = /^## ingress-nginx\n[^]*?(?=^## |$(?![^]))/m.exec(read('docs/reference/annotations.md'))?.[0] ?? '';
    const count = section.match(/^\| `[^|]+\| \*\*yes\*\* /gm)?.length;
    expect(read('README.md')).toContain(`| ${String(count)} have their effect;`);
    expect(read('README.zh-CN.md')).toContain(`| ${String(count)} 个生效；`);
  });

  it('numbers the decisions from one, each once, in the file name as in the heading', () => {
    const decisions = readdirSync(join(ROOT, 'docs', 'adr')).toSorted();
    const expected = decisions.map((_, index) => index + 1);
    const headings = decisions.map((name) => Number.parseInt(read(join('docs', 'adr', name)).slice(2), 10));
    expect(decisions.map((name) => Number.parseInt(name, 10))).toEqual(expected);
    expect(headings).toEqual(expected);
  });

  it('keeps command blocks where a test runs them: the READMEs, the tutorials and one guide', () => {
    const others = pages.filter(
      (page) =>
        !page.startsWith('README') &&
        !page.startsWith('docs/tutorial/') &&
        page !== 'docs/howto/run-behind-a-load-balancer.md',
    );
    expect(others.filter((page) => commandBlocks(page).length > 0)).toEqual([]);
  });

  it('has the timeouts of the configuration on their reference page', () => {
    const settings = {
      bindAddresses: ['127.0.0.1'],
      httpPort: 80,
      httpsPort: 443,
      publicHttpsPort: 443,
      innerPorts: undefined,
      isHttp3: false,
      trustedProxies: [],
      proxyProtocolSources: [],
      hasAccessLog: false,
      threads: undefined,
      maxConnections: 1,
      hardStopAfterS: 1,
      user: undefined,
    };
    const skeleton = renderSkeleton(settings, {
      admin: '/admin.sock',
      accessLog: 'access',
      passwords: { name: 'passwords', key: 'key' },
      asked: 'asked',
    });
    const page = read('docs/reference/timeouts.md');
    const documented = [...page.matchAll(/^\| (timeout [a-z-]+) +\| (\w+) +\|/gm)].map((row) => `${row[1]} ${row[2]}`);
    // Every class of backends has the same.
    const configured = new Set(skeleton.match(/(?<= {4})timeout [a-z-]+ \w+(?=\n)/g) ?? []);
    expect(documented.sort()).toEqual([...configured].sort());
  });

  it('has every reason of the access log on its reference page, in the words of the register', () => {
    const page = read('docs/reference/access-log.md');
    const rows = page.slice(page.indexOf('## Reasons')).matchAll(/^\| `([a-z-]+)` +\| (.*?) +\|$/gm);
    expect(Object.fromEntries([...rows].map(([, reason, text]) => [reason, text]))).toEqual(REASONS);
  });

  it('has a reference page of the command line, generated from the commands', async () => {
    const page = await format(await flagsPage(), { parser: 'markdown', ...(await resolveConfig(ROOT)) });
    await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/reference/flags.md'));
  });

  it('has a reference page of the HTTP API, with the answers of the API', async () => {
    const page = await format(await httpApiPage(), { parser: 'markdown', ...(await resolveConfig(ROOT)) });
    await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/reference/http-api.md'));
  });

  it('has a reference page of differences from ingress-nginx, generated from their list', async () => {
    const page = await format(differencesPage(), { parser: 'markdown', ...(await resolveConfig(ROOT)) });
    await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/reference/ingress-nginx-differences.md'));
  });

  it('has a reference page of the ConfigMap of ingress-nginx, generated from its register', async () => {
    const page = await format(configKeysPage(), { parser: 'markdown', ...(await resolveConfig(ROOT)) });
    await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/reference/ingress-nginx-configmap.md'));
  });

  it('has a reference page of annotations, generated from their register', async () => {
    const page = await format(annotationsPage(), { parser: 'markdown', ...(await resolveConfig(ROOT)) });
    await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/reference/annotations.md'));
  });

  it('has a reference page of the arguments of ingress-nginx, generated from their rows', async () => {
    const page = await format(argumentsPage(), { parser: 'markdown', ...(await resolveConfig(ROOT)) });
    await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/reference/ingress-nginx-arguments.md'));
  });

  it('has a reference page for every Fault, generated from the register', async () => {
    const page = await format(faultsPage(), { parser: 'markdown', ...(await resolveConfig(ROOT)) });
    await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/reference/faults.md'));
  });

  it('has a reference page for every Finding, generated from the registry', async () => {
    await expect(findingsPage()).toMatchFileSnapshot(join(ROOT, 'docs/reference/findings.md'));
  });
});
